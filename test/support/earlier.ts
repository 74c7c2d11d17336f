// Veche as it was some commits ago, to run beside the one of today.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");
const git = (...args: string[]) =>
  execFileSync("git", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 256 << 20 }).trim();

/** How far it goes back at most, in commits of the first parent. */
const BACK = 30;

/** A commit to compare with, or why there is none. */
export type Earlier = { commit: string; missing?: undefined } | { commit?: undefined; missing: string };

/**
 * The oldest commit of late that has the services and the packages of today: with more services a gateway of today waits for one
 * that the others have not.
 */
export function earlierCommit(): Earlier {
  const alike = (commit: string) => {
    const services = (at: string) => git("ls-tree", "--name-only", at, "services/");
    const { dependencies } = JSON.parse(git("show", `${commit}:package.json`));
    const now = JSON.parse(git("show", "HEAD:package.json")).dependencies;
    return services(commit) === services("HEAD") && JSON.stringify(dependencies) === JSON.stringify(now);
  };
  try {
    const [, ...before] = git("log", "--first-parent", `--max-count=${BACK}`, "--format=%H").split("\n");
    if (before.length === 0) return { missing: "the history has one commit only" };
    const commit = before.filter(alike).at(-1);
    return commit
      ? { commit }
      : { missing: `none of the last ${before.length} commits has the services and the packages of today` };
  } catch (error) {
    return { missing: `git did not tell: ${(error as Error).message.split("\n")[0]}` };
  }
}

/** Puts the commit's tree into the folder. @returns its scripts/start.ts */
export function checkOut(commit: string, folder: string): string {
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    const archive = execFileSync("git", ["archive", commit], { cwd: ROOT, maxBuffer: 256 << 20 });
    execFileSync("tar", ["--extract", "--directory", folder], { input: archive });
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  }
  return join(folder, "scripts", "start.ts");
}
