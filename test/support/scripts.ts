// Runs a script of `scripts/` as a user does, and brings back what it said.
import { execFile } from "node:child_process";
import { join } from "node:path";

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** @param env all that the script gets, beside PATH */
export function runScript(name: string, args: string[], env: Record<string, string> = {}): Promise<Outcome> {
  const file = join(import.meta.dirname, "..", "..", "scripts", `${name}.ts`);
  return new Promise((done) => {
    execFile(
      process.execPath,
      [file, ...args],
      { env: { PATH: process.env.PATH ?? "", ...env }, timeout: 20_000 },
      (error, stdout, stderr) => done({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
    );
  });
}
