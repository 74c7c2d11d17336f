// Installs what package-lock.json names, when it is not there yet or older. Runs on any Node that npm runs on.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const windows = process.platform === "win32";
const node = join(root, "node_modules", ".bin", windows ? "node.cmd" : "node");
// npm writes this file last, so a broken-off installation has none.
const installed = join(root, "node_modules", ".package-lock.json");
const modified = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

if (!existsSync(node) || modified(installed) < modified(join(root, "package-lock.json"))) {
  console.error("Installing what Veche needs (once, about a minute) …");
  const npm = process.env.npm_execpath;
  const [command, args] = npm ? [process.execPath, [npm]] : ["npm", []];
  const { status } = spawnSync(
    command,
    [...args, "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      shell: !npm && windows,
    },
  );
  if (status !== 0) {
    console.error("The installation failed. Look at npm's message above, then try again.");
    process.exit(status ?? 1);
  }
}
