// Processes of two versions run beside each other in every update, and clients are older than servers: `v1` changes only by addition
// to what the last release had. `RECORD=1 npm test -- test/contracts` records it anew, when a release is made.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { z } from "zod";
import type { Contract } from "../lib/contract.ts";
import { serviceNames } from "../scripts/services.ts";
import { openApiDocument } from "../services/api/openapi.ts";
import { routes } from "../services/api/rest/routes.ts";
import { broken } from "./support/compatible.ts";

const ROOT = join(import.meta.dirname, "..");
const FILE = join(ROOT, "test", "recorded", "contracts.json");

interface Action {
  audience: string;
  params: Json;
  result: Json;
}

type Json = Parameters<typeof broken>[0];

interface Recorded {
  /** The newest in the changelog; "none" before the first. */
  release: string;
  actions: Record<string, Action>;
  rest: Record<string, { takes: Json; answers: Json }>;
}

async function actionsNow(): Promise<Recorded["actions"]> {
  const actions: Recorded["actions"] = {};
  const json = (schema: z.ZodType, io: "input" | "output") =>
    z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Json;
  for (const service of serviceNames()) {
    const file = join(ROOT, "services", service, `${service}.contract.ts`);
    if (!existsSync(file)) continue;
    const exported: Record<string, unknown> = await import(file);
    const contract = exported[`${service}Contract`] as Contract | undefined;
    if (!contract) throw new Error(`${file} exports no ${service}Contract`);
    for (const [name, { audience, params, result }] of Object.entries(contract)) {
      actions[name] = { audience, params: json(params, "input"), result: json(result, "output") };
    }
  }
  return actions;
}

/** With the document's shared schemas put where they are referred to. */
function restNow(): Recorded["rest"] {
  const document = openApiDocument({ routes }) as unknown as {
    paths: Record<string, Record<string, { parameters?: Json; requestBody?: Json; responses: Json }>>;
  };
  const shared = (document as unknown as { components?: { schemas?: Record<string, Json> } }).components
    ?.schemas;
  const whole = (value: Json, above: string[] = []): Json => {
    if (Array.isArray(value)) return value.map((item) => whole(item, above));
    if (typeof value !== "object" || value === null) return value;
    const name = typeof value.$ref === "string" ? (value.$ref.split("/").at(-1) ?? "") : "";
    const target = shared?.[name];
    if (target !== undefined && !above.includes(name)) return whole(target, [...above, name]);
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, whole(inner, above)]));
  };
  return Object.fromEntries(
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [], requestBody = {}, responses }]) => {
        const byName = Object.fromEntries(
          (parameters as { name: string }[]).map((parameter) => [
            parameter.name,
            parameter as unknown as Json,
          ]),
        );
        const required = (parameters as { name: string; required?: boolean }[]).filter((one) => one.required);
        const takes = {
          properties: whole(byName),
          required: required.map(({ name }) => name),
          body: whole(requestBody),
        };
        return [`${method.toUpperCase()} ${path}`, { takes, answers: { properties: whole(responses) } }];
      }),
    ),
  );
}

const lastRelease = () =>
  /^## \[?(\d+\.\d+\.\d+)/m.exec(readFileSync(join(ROOT, "CHANGELOG.md"), "utf8"))?.[1] ?? "none";

let now: Recorded;
let recorded: Recorded;
beforeAll(async () => {
  now = { release: lastRelease(), actions: await actionsNow(), rest: restNow() };
  if (process.env.RECORD) {
    const lines = (of: object) =>
      Object.entries(of).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
    const parts = [
      `"actions":{\n${lines(now.actions).join(",\n")}\n}`,
      `"rest":{\n${lines(now.rest).join(",\n")}\n}`,
    ];
    writeFileSync(FILE, `{"release":${JSON.stringify(now.release)},\n${parts.join(",\n")}}\n`);
  }
  recorded = JSON.parse(readFileSync(FILE, "utf8"));
});

test("what is recorded is the last release of the changelog", () => {
  expect(recorded.release).toBe(lastRelease());
  expect(Object.keys(recorded.actions).length).toBeGreaterThan(50);
  expect(Object.keys(recorded.rest).length).toBeGreaterThan(40);
});

test("every action is still there, takes what it took, and answers what it answered", () => {
  const problems = Object.entries(recorded.actions).flatMap(([name, { audience, params, result }]) => {
    const action = now.actions[name];
    if (!action) return [`${name} is gone`];
    return [
      ...(action.audience === audience ? [] : [`${name} is for ${action.audience} instead of ${audience}`]),
      ...broken(params, action.params, "takes", `${name} takes`),
      ...broken(result, action.result, "answers", `${name} answers`),
    ];
  });
  expect(problems).toEqual([]);
});

test("and so is every route", () => {
  const problems = Object.entries(recorded.rest).flatMap(([name, { takes, answers }]) => {
    const route = now.rest[name];
    if (!route) return [`${name} is gone`];
    return [
      ...broken(takes, route.takes, "takes", `${name} takes`),
      ...broken(answers, route.answers, "answers", `${name} answers`),
    ];
  });
  expect(problems).toEqual([]);
});

test.each<[string, Json, Json, "takes" | "answers", boolean]>([
  ["a new field of an answer", { properties: {} }, { properties: { a: {} } }, "answers", true],
  ["a field that is gone", { properties: { a: {} } }, { properties: {} }, "answers", false],
  [
    "another type",
    { properties: { a: { type: "string" } } },
    { properties: { a: { type: "number" } } },
    "answers",
    false,
  ],
  ["a field that may be missing now", { required: ["a"] }, { required: [] }, "answers", false],
  ["a new param that may be left out", { properties: {} }, { properties: { a: {} } }, "takes", true],
  ["a new param that is needed", { required: [] }, { required: ["a"] }, "takes", false],
  ["a param that is no longer needed", { required: ["a"] }, { required: [] }, "takes", true],
  ["one choice more", { enum: ["a"] }, { enum: ["a", "b"] }, "takes", true],
  ["one choice less", { enum: ["a", "b"] }, { enum: ["a"] }, "takes", false],
  ["a narrower bound", { maxLength: 10 }, { maxLength: 5 }, "takes", false],
  ["a bound where there was none", {}, { maxLength: 5 }, "takes", false],
  ["another description", { description: "a" }, { description: "b" }, "takes", true],
])("%s: an addition or not", (_name, before, after, side, addition) => {
  expect(broken(before, after, side).length === 0).toBe(addition);
});
