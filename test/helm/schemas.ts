// Kubernetes' own schemas of its kinds, by which a cluster checks what it is given. Fields that they don't know are refused.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv, type AnySchemaObject } from "ajv";
import type { Manifest } from "./chart.ts";

interface Definitions {
  kinds: Record<string, string>;
  $defs: Record<string, AnySchemaObject>;
}

const read = (file: string) => JSON.parse(readFileSync(join(import.meta.dirname, "schemas", file), "utf8"));

/** @returns what is wrong with a manifest, empty where nothing is */
export function validator(release: "1.29" | "1.35"): (manifest: Manifest) => string[] {
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  const kubernetes = closed(read(`kubernetes-${release}.json`)) as Definitions;
  ajv.addSchema({ $defs: kubernetes.$defs }, "kubernetes");
  const others = closed(read("others.json")) as Record<string, AnySchemaObject>;
  return (manifest) => {
    const kind = `${manifest.apiVersion}/${manifest.kind}`;
    const definition = kubernetes.kinds[kind];
    const schema = definition ? { $ref: `kubernetes#/$defs/${definition}` } : others[kind];
    if (!schema) return [`no schema of ${kind}`];
    const validate = ajv.compile(schema);
    if (validate(manifest)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${kind} ${manifest.metadata.name}${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}

/** A cluster refuses a field that it does not know, under `--validate=strict`; the schemas themselves let it pass. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) copy[key] = closed(value);
  const { properties, additionalProperties } = copy;
  // Not a property that is called so.
  const isSchema = typeof properties === "object" && properties !== null && !("$ref" in properties);
  if (isSchema && additionalProperties === undefined && "type" in copy) copy.additionalProperties = false;
  return copy;
}
