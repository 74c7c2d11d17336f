// Secrets that the chart makes: once, kept, and good for what they are for.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { AccessTokens } from "../../lib/access-tokens.ts";
import type { Caller } from "../../lib/contract.ts";
import { newSessionId, newUserId } from "../../lib/ids.ts";
import { directoryKeyRing } from "../../lib/keys.ts";
import { type Manifest, named, ofKind, render, type Values, workloads } from "./chart.ts";
import { type StandIn, standIn } from "./cluster-stand-in.ts";

let cluster: StandIn;
const directory = mkdtempSync(join(tmpdir(), "veche-keys-"));
beforeAll(async () => {
  cluster = await standIn();
});
afterAll(() => {
  cluster.close();
  rmSync(directory, { recursive: true });
});

/** As `helm upgrade` renders, with what is in the cluster to look up. */
const upgraded = (values: Values = {}) =>
  render(values, ["--dry-run=server", "--disable-openapi-validation", "--kubeconfig", cluster.kubeconfig]);
const secretsOf = (manifests: Manifest[]) =>
  Object.fromEntries(
    ofKind(manifests, "Secret").map(({ metadata, stringData }) => [metadata.name, stringData]),
  );

test("an installation makes them, an upgrade keeps every one, and so does the end of the release", async () => {
  const installed = await upgraded();
  const made = ofKind(installed, "Secret");
  expect(made.map(({ metadata }) => metadata.name.replace("veche-", "")).sort()).toEqual(
    ["jwt-private", "jwt-public", "mongodb", "nats", "redis", "refresh"].sort(),
  );
  for (const { metadata } of made)
    expect(metadata.annotations).toEqual({ "helm.sh/resource-policy": "keep" });
  expect(secretsOf(await upgraded())).not.toEqual(secretsOf(installed));

  cluster.keep(made);
  expect(secretsOf(await upgraded())).toEqual(secretsOf(installed));

  // Keys that were added since stay too, and the one that is being replaced.
  const jwt = named(installed, "Secret", "veche-jwt-public");
  const refresh = named(installed, "Secret", "veche-refresh");
  const rotating = [
    { ...jwt, stringData: { ...jwt.stringData, "2027-01-15.public.pem": "new\nkey\n" } },
    { ...refresh, stringData: { ...refresh.stringData, REFRESH_SECRET_PREVIOUS: "p".repeat(32) } },
  ];
  cluster.keep(rotating);
  const later = secretsOf(await upgraded());
  expect(later["veche-jwt-public"]).toEqual(rotating[0]?.stringData);
  expect(later["veche-refresh"]).toEqual(rotating[1]?.stringData);
});

test("what auth signs with the made keys, gateways check with the public half, and have no other", async () => {
  const manifests = await render();
  const keysOf = (service: string) => {
    const folder = mkdtempSync(join(directory, service));
    const { volumes = [] } = named(manifests, "Deployment", `veche-${service}`).spec.template.spec;
    const jwt = volumes.find(({ name }: { name: string }) => name === "jwt");
    for (const { secret } of jwt.projected.sources) {
      const { stringData = {} } = named(manifests, "Secret", secret.name);
      for (const [file, content] of Object.entries(stringData)) writeFileSync(join(folder, file), content);
    }
    return directoryKeyRing(folder);
  };
  const [auth, api] = [keysOf("auth"), keysOf("api")];
  expect(auth.signing().algorithm).toBe("ES256");
  expect(() => api.signing()).toThrow("no *.private.pem");
  expect(api.publicKeys()).toEqual([
    expect.objectContaining({ kid: "0000-made", alg: "ES256", kty: "EC", crv: "P-256" }),
  ]);
  const user: Caller = { id: newUserId(), sessionId: newSessionId(), role: "user" };
  const token = new AccessTokens(auth).sign(user, 60);
  expect(new AccessTokens(api).check(token)).toMatchObject({ caller: user });
});

test("a key that is named by its date takes the made one's place", async () => {
  const { stringData = {} } = named(await render(), "Secret", "veche-jwt-private");
  const folder = mkdtempSync(join(directory, "dated"));
  for (const [file, content] of Object.entries(stringData)) {
    writeFileSync(join(folder, file), content);
    writeFileSync(join(folder, "2027-01-15.private.pem"), content);
  }
  expect(directoryKeyRing(folder).signing().kid).toBe("2027-01-15");
});

test("only those who need a secret get it", async () => {
  const manifests = await render();
  const holders = (secret: string) =>
    workloads(manifests)
      .filter(({ pod }) => JSON.stringify(pod).includes(`"${secret}"`))
      .map(({ labels }) => labels["app.kubernetes.io/component"])
      .sort();
  expect(holders("veche-jwt-private")).toEqual(["auth"]);
  expect(holders("veche-jwt-public")).toEqual(["api", "auth"]);
  expect(holders("veche-refresh")).toEqual(["photo", "posts", "session", "users"]);
  expect(holders("veche-mongodb")).not.toContain("api");
  expect(
    workloads(manifests).flatMap(({ pod, labels }) =>
      JSON.stringify(pod).includes("secretKeyRef") ? [] : [labels["app.kubernetes.io/component"]],
    ),
  ).toEqual(["test"]);
});

test("given secrets take the place of made ones: production makes none", async () => {
  const manifests = await render({ files: ["production"] });
  expect(ofKind(manifests, "Secret")).toEqual([]);
  expect(ofKind(manifests, "StatefulSet")).toEqual([]);
  const pods = JSON.stringify(workloads(manifests));
  for (const name of ["refresh", "jwt-private", "jwt-public", "nats", "mongodb", "redis"]) {
    expect(pods).toContain(`"veche-${name}"`);
  }
});

test("passwords need no escaping in a URL, and a URL that is given is kept in a secret", async () => {
  for (const name of ["nats", "redis", "mongodb"]) {
    expect(named(await render(), "Secret", `veche-${name}`).stringData?.password).toMatch(
      /^p[A-Za-z0-9]{39}$/,
    );
  }
  const set = {
    "redis.externalUrl": "rediss://:secret@redis.test",
    "networkPolicy.redisCidrs": ["10.0.0.0/8"],
  };
  const manifests = await render({ set });
  expect(named(manifests, "Secret", "veche-redis-url").stringData).toEqual({
    REDIS_URL: "rediss://:secret@redis.test",
  });
  expect(JSON.stringify(ofKind(manifests, "Deployment"))).not.toContain("secret@redis");
  // The bundled server's own stays as it was made: its volume opens with nothing else.
  expect(ofKind(manifests, "Secret").map(({ metadata }) => metadata.name)).not.toContain("veche-redis");
});
