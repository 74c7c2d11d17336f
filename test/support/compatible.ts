// Whether a JSON Schema changed only by addition: who wrote to the old one is still understood, who read it still finds all.

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** `takes`: what callers send. `answers`: what they get. */
export type Side = "takes" | "answers";

const TEXT = new Set([
  "description",
  "title",
  "summary",
  "examples",
  "example",
  "tags",
  "operationId",
  "$schema",
]);
/** Lists whose order says nothing, and which may grow. */
const CHOICES = new Set(["enum", "anyOf", "oneOf"]);

/** @returns a line for each thing that is not as it was, nothing where all is */
export function broken(before: Json, now: Json, side: Side, at = ""): string[] {
  if (isMap(before) && isMap(now)) return brokenMap(before, now, side, at);
  if (Array.isArray(before) && Array.isArray(now) && before.length === now.length) {
    return before.flatMap((item, i) => broken(item, now[i] ?? null, side, `${at}/${i}`));
  }
  return same(before, now) ? [] : [`${at}: ${show(before)} became ${show(now)}`];
}

type Map = { [key: string]: Json };

function brokenMap(before: Map, now: Map, side: Side, at: string): string[] {
  const keys = new Set(
    [...Object.keys(before), ...Object.keys(now)].filter(
      (key) => !TEXT.has(key) || isMap(before[key] ?? null),
    ),
  );
  return [...keys].flatMap((key) => {
    const [was, is] = [before[key], now[key]];
    const where = `${at}/${key}`;
    if (key === "required") return brokenRequired(listOf(was), listOf(is), side, where);
    if (key === "properties" && isMap(was ?? {}) && isMap(is ?? {})) {
      return Object.entries((was ?? {}) as Map).flatMap(([name, schema]) => {
        const kept = ((is ?? {}) as Map)[name];
        return kept === undefined
          ? [`${where}/${name}: is gone`]
          : broken(schema, kept, side, `${where}/${name}`);
      });
    }
    if (CHOICES.has(key) && Array.isArray(was) && Array.isArray(is)) {
      return was
        .filter((choice) => !is.some((other) => broken(choice, other, side).length === 0))
        .map((choice) => `${where}: ${show(choice)} is gone`);
    }
    if (was === undefined) return [`${where}: ${show(is ?? null)} is new`];
    if (is === undefined) return [`${where}: ${show(was)} is gone`];
    return broken(was, is, side, where);
  });
}

function brokenRequired(was: Json[], is: Json[], side: Side, at: string): string[] {
  const [some, all] = side === "takes" ? [is, was] : [was, is];
  const word = side === "takes" ? "is needed now" : "may be missing now";
  return some.filter((name) => !all.includes(name)).map((name) => `${at}: ${show(name)} ${word}`);
}

const isMap = (value: Json): value is Map =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const same = (one: Json, other: Json) => JSON.stringify(one) === JSON.stringify(other);
const show = (value: Json): string => {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};
