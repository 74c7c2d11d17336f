// Bodies that only the dialects let pass, or that they refuse in their own way; all else is in test/fuzz.test.ts.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { hasBody, ofDialects, probe, startFuzzing, veche } from "../support/fuzzing.ts";
import { HOSTILE, jsonOf, pathOf, UNKNOWN } from "../support/inputs.ts";

beforeAll(startFuzzing);
afterAll(() => veche.stop());

const refused = [400, 401, 413, 422];

test("what is not a JSON object is refused, whatever it says that it is", async () => {
  const bodies = ["[]", "1", '"{}"', "{]", "{'a':1}", "NaN", "\u0000", " ", "{}{}", '{"a":1,}'];
  const types = ["text/plain", "application/x-www-form-urlencoded", "", "a/b;=,", "application/json"];
  for (const operation of ofDialects().filter(hasBody)) {
    for (const [at, body] of [...bodies, Buffer.alloc(70_000, "[")].entries()) {
      const [target = ""] = fc.sample(pathOf(operation), 1);
      const headers = { "content-type": types[at % types.length] ?? "" };
      const { status } = await probe(operation, { target, body, headers });
      // Where something else is wrong first, that may be said.
      expect([operation.key, body, refused.includes(status)]).toEqual([operation.key, body, true]);
    }
  }
});

test("what a route does not know it does not look at", async () => {
  for (const operation of ofDialects().filter(hasBody)) {
    const [target = ""] = fc.sample(pathOf(operation), 1);
    const fields = UNKNOWN.map((name): [string, string] => [name, HOSTILE[0] ?? ""]);
    const bare = await probe(operation, { target, body: "{}", headers: { "content-type": "text/plain" } });
    const full = await probe(operation, { target, body: jsonOf(fields) });
    expect([operation.key, full.status]).toEqual([operation.key, bare.status]);
  }
});
