// Who can reach whom, by the NetworkPolicies: read as Kubernetes reads them, and tried for each pair of pods.
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type Manifest, ofKind, refusal, render, workloads } from "./chart.ts";

type Labels = Record<string, string>;

interface Selector {
  matchLabels?: Labels;
  matchExpressions?: { key: string; operator: string; values: string[] }[];
}

interface Peer {
  podSelector?: Selector;
  namespaceSelector?: Selector;
  ipBlock?: { cidr: string };
}

interface Rule {
  from?: Peer[];
  to?: Peer[];
  ports?: { protocol: string; port: number }[];
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      if (operator !== "In") throw new Error(`operator ${operator} is not read here`);
      return values.includes(labels[key] ?? "");
    })
  );
}

/** Somebody in another namespace; or an address outside. */
const OUTSIDE: Labels = {};

function policiesOf(manifests: Manifest[], labels: Labels) {
  return ofKind(manifests, "NetworkPolicy").filter(({ spec }) => selects(spec.podSelector, labels));
}

function reaches(manifests: Manifest[], from: Labels, to: Labels, port: number): boolean {
  const passes = (rules: Rule[], peer: Labels, side: "from" | "to") =>
    rules.some(
      (rule) =>
        (!rule.ports || rule.ports.some((open) => open.port === port && open.protocol === "TCP")) &&
        (!rule[side] ||
          rule[side].some(({ podSelector, namespaceSelector }) =>
            podSelector && !namespaceSelector ? peer !== OUTSIDE && selects(podSelector, peer) : false,
          )),
    );
  const into = policiesOf(manifests, to).every(({ spec }) => passes(spec.ingress ?? [], from, "from"));
  const out =
    from === OUTSIDE || policiesOf(manifests, from).every(({ spec }) => passes(spec.egress ?? [], to, "to"));
  return into && out;
}

let manifests: Manifest[];
let pods: Map<string, Labels>;
beforeAll(async () => {
  manifests = await render();
  pods = new Map(
    workloads(manifests).map(({ labels }) => [labels["app.kubernetes.io/component"] ?? "", labels]),
  );
});
const labelsOf = (component: string): Labels => {
  const labels = pods.get(component);
  if (!labels) throw new Error(`no pod of ${component}`);
  return labels;
};
const whoReaches = (component: string, port: number) =>
  [...pods].filter(([, from]) => reaches(manifests, from, labelsOf(component), port)).map(([name]) => name);

const OWNERS = ["auth", "chat", "imports", "photo", "posts", "rooms", "session", "social", "users"];

test("each pod is under one policy, for what comes in and for what goes out", () => {
  for (const [, labels] of pods) {
    const [policy, ...others] = policiesOf(manifests, labels);
    expect(policy?.spec.policyTypes).toEqual(["Ingress", "Egress"]);
    expect(others).toEqual([]);
  }
});

test("from outside only the gateway's port for clients is reached", () => {
  const ports = [3000, 4222, 6222, 6379, 8222, 9090, 27017];
  const open = [...pods].flatMap(([name, labels]) =>
    ports.filter((port) => reaches(manifests, OUTSIDE, labels, port)).map((port) => `${name}:${port}`),
  );
  expect(open).toEqual(["api:3000"]);
});

test("servers are reached by those that need them", () => {
  expect(whoReaches("nats", 4222).sort()).toEqual(["api", ...OWNERS]);
  expect(whoReaches("nats", 6222)).toEqual(["nats"]);
  expect(whoReaches("redis", 6379).sort()).toEqual(["api", ...OWNERS]);
  expect(whoReaches("mongodb", 27017).sort()).toEqual(
    [...OWNERS, "mongodb", "mongodb-init", "schema"].sort(),
  );
  expect(whoReaches("api", 3000)).toEqual(["test"]);
});

test("services don't reach each other, and Prometheus reaches their health ports", () => {
  for (const name of ["api", ...OWNERS]) {
    expect(whoReaches(name, 9090)).toEqual([]);
    const [policy] = policiesOf(manifests, labelsOf(name));
    const health = ((policy?.spec.ingress ?? []) as Rule[]).find(({ ports }) => ports?.[0]?.port === 9090);
    expect(health?.from).toEqual([
      { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } },
    ]);
  }
});

test("everyone who looks names up reaches DNS by UDP and TCP", () => {
  for (const [name, labels] of pods) {
    const [policy] = policiesOf(manifests, labels);
    const dns = ((policy?.spec.egress ?? []) as Rule[]).filter(({ ports }) => ports?.[0]?.port === 53);
    expect([name, dns.map(({ ports }) => ports)]).toEqual([
      name,
      name === "redis"
        ? []
        : [
            [
              { protocol: "UDP", port: 53 },
              { protocol: "TCP", port: 53 },
            ],
          ],
    ]);
  }
});

describe("with external servers", () => {
  test("they are reached by address; the bucket and the metadata server only from photo", async () => {
    const production = await render({ files: ["production"] });
    const egress = (component: string) => {
      const found = ofKind(production, "NetworkPolicy").find(
        ({ metadata }) => metadata.name === `veche-${component}`,
      );
      return ((found?.spec.egress ?? []) as Rule[]).flatMap(({ to = [], ports = [] }) =>
        to.flatMap(({ ipBlock }) => (ipBlock ? ports.map(({ port }) => `${ipBlock.cidr}:${port}`) : [])),
      );
    };
    const dns = ["169.254.20.10/32:53", "169.254.20.10/32:53"];
    const servers = ["10.0.0.0/8:4222", "10.0.0.0/8:6379"];
    expect(egress("api")).toEqual([...dns, ...servers]);
    expect(egress("chat")).toEqual([...dns, ...servers, "10.0.0.0/8:27017"]);
    expect(egress("photo")).toEqual([
      ...[...dns, ...servers, "10.0.0.0/8:27017", "0.0.0.0/0:443"],
      ...[
        "169.254.169.254/32:80",
        "169.254.169.254/32:988",
        "169.254.169.252/32:80",
        "169.254.169.252/32:988",
      ],
    ]);
    expect(egress("schema")).toEqual([...dns, "10.0.0.0/8:27017"]);
  });

  test("the gateway is reached from the ingress controller's namespace, so that none forges X-Forwarded-For", async () => {
    const production = await render({ files: ["production"] });
    const gateway = ofKind(production, "NetworkPolicy").find(({ metadata }) => metadata.name === "veche-api");
    const clients = ((gateway?.spec.ingress ?? []) as Rule[]).filter(
      ({ ports }) => ports?.[0]?.port === 3000,
    );
    expect(clients.map(({ from = [] }) => from.map((peer) => peer.namespaceSelector?.matchLabels))).toEqual([
      [{ "kubernetes.io/metadata.name": "ingress-nginx" }, undefined],
    ]);
    // The second one: the pod of `helm test`.
    const test = { ...labelsOf("test") };
    expect(reaches(production, test, labelsOf("api"), 3000)).toBe(true);
    expect(reaches(production, OUTSIDE, labelsOf("api"), 3000)).toBe(false);
    expect(reaches(production, labelsOf("chat"), labelsOf("api"), 3000)).toBe(false);
  });

  test.each(["nats", "mongodb", "redis"])("%s without its addresses is refused", async (server) => {
    const said = await refusal({ files: ["production"], set: { [`networkPolicy.${server}Cidrs`]: [] } });
    expect(said).toContain(`networkPolicy.${server}Cidrs is needed`);
  });
});
