// Finds the services of the tree: one folder each, with `<name>.service.ts` in it.
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { ServiceSchema } from "moleculer";
import { ConfigError } from "../lib/config.ts";

const root = fileURLToPath(new URL("../services/", import.meta.url));
const fileOf = (name: string) => `${root}${name}/${name}.service.ts`;

export const serviceNames = (): string[] => readdirSync(root).filter((name) => existsSync(fileOf(name)));

/**
 * @param chosen as in SERVICES; all where empty
 * @throws ConfigError for a name that no service has
 */
export async function loadServices(chosen: string[]): Promise<ServiceSchema[]> {
  const all = serviceNames();
  const unknown = chosen.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    throw new ConfigError([`SERVICES has no ${unknown.join(", ")}; there are ${all.join(", ")}`]);
  }
  const names = chosen.length > 0 ? chosen : all;
  return Promise.all(
    names.map(async (name) => (await import(pathToFileURL(fileOf(name)).href)).default as ServiceSchema),
  );
}
