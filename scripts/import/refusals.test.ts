// The file of refusals, where a run that was killed has written more than was noted of it, or somebody else has written there.
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { makeDirectory, removeDirectory } from "../../test/servers/custody.ts";
import type { Entry } from "./parsing.ts";
import { Refusals } from "./refusals.ts";

const directory = makeDirectory("refusals");
afterAll(() => removeDirectory(directory));

const entry = (line: number): Entry => ({
  ...{ line, name: "user", source: `{"record":"user","UID":${line}}`, bytes: 0 },
  parsed: { problem: "" },
});
const linesOf = (path: string) =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).line);

test("what a killed run wrote without noting it is written once", () => {
  const file = join(directory, "killed.ndjson");
  const first = new Refusals(file, undefined);
  first.write(entry(1), "no");
  const { kept } = first;
  first.write(entry(2), "no");
  first.close();
  const second = new Refusals(file, kept);
  expect(second.lost).toBe(false);
  expect(linesOf(second.path)).toEqual([1, 2]);
  second.cutOff();
  expect(linesOf(second.path)).toEqual([1]);
  second.write(entry(2), "no");
  second.write(entry(3), "no");
  second.close();
  expect(linesOf(second.path)).toEqual([1, 2, 3]);
  expect(new Refusals(file, second.kept).lost).toBe(false);
});

test("what stands there and is not what was kept is put aside, one after the other", () => {
  const file = join(directory, "others.ndjson");
  const path = `${file}.refused.ndjson`;
  writeFileSync(path, "somebody's\n");
  const kept = { bytes: 11, digest: "0".repeat(64) };
  const changed = new Refusals(file, kept);
  expect(changed.lost).toBe(true);
  // Nothing is refused: it stays where it is.
  changed.close();
  expect(readFileSync(path, "utf8")).toBe("somebody's\n");
  const resumed = new Refusals(file, kept);
  resumed.write(entry(4), "no");
  resumed.close();
  expect(linesOf(path)).toEqual([4]);
  appendFileSync(path, `${JSON.stringify({ line: 5 })}\n`);
  const anew = new Refusals(file, undefined);
  anew.write(entry(6), "no");
  anew.close();
  expect(linesOf(path)).toEqual([6]);
  expect(linesOf(`${file}.refused.2.ndjson`)).toEqual([4, 5]);
  expect(readFileSync(`${file}.refused.1.ndjson`, "utf8")).toBe("somebody's\n");
  expect(readdirSync(directory).filter((name) => name.startsWith("others"))).toHaveLength(3);
});
