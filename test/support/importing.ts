// Runs `npm run import` as a process of its own, which can be killed at any point.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import bcrypt from "bcrypt";
import { hold, makeDirectory, release } from "../servers/custody.ts";
import { request } from "./http.ts";
import { OLD_PASSWORD } from "./old-chat-server.ts";
import { runScript } from "./scripts.ts";

const PROGRAM = join(import.meta.dirname, "..", "..", "scripts", "import.ts");

export class Import {
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;

  /** @param env all that it gets, beside PATH */
  constructor(args: string[], env: Record<string, string>) {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: { PATH: process.env.PATH ?? "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    if (child.pid !== undefined) hold(child.pid);
    child.stdout.setEncoding("utf8").on("data", (piece) => {
      this.stdout += piece;
    });
    child.stderr.setEncoding("utf8").on("data", (piece) => {
      this.stderr += piece;
    });
    this.#child = child;
    this.#ended = once(child, "close").then(([code]) => {
      if (child.pid !== undefined) release(child.pid);
      return code;
    });
  }

  /** The last one it told of, from 0 to 100. */
  get percent(): number {
    return Number([...this.stderr.matchAll(/(\d+) % {2}/g)].at(-1)?.[1] ?? 0);
  }

  /** Resolves when it has come this far, or has ended. */
  async reached(percent: number): Promise<void> {
    let over = false;
    void this.#ended.then(() => {
      over = true;
    });
    while (!over && this.percent < percent) {
      await Promise.race([once(this.#child.stderr ?? this.#child, "data"), this.#ended]);
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** @returns the exit code; null where it was killed */
  ended(): Promise<number | null> {
    return this.#ended;
  }
}

/** A directory for a test's files, and for Veches by name. Who makes it removes the directory. */
export function workshop(name: string) {
  const directory = makeDirectory(name);
  const hash = bcrypt.hashSync(OLD_PASSWORD, 4);
  let files = 0;
  return {
    directory,
    hash,
    /** One of chat-server's. */
    user: (UID: number, more: object = {}) => ({
      ...{ record: "user", UID, Username: `Name${UID}`, Email: `name${UID}@example.com` },
      ...{ PasswordHash: hash, CreatedAt: "2024-01-01T00:00:00Z", ...more },
    }),
    /** @returns the path of a file with these lines */
    write(records: (object | string)[]): string {
      files += 1;
      const path = join(directory, `${files}.ndjson`);
      const lines = records.map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
      writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
      return path;
    },
    run: (args: string[], veche: string) => runScript("import", args, { DATA_DIR: join(directory, veche) }),
    async signIn(baseUrl: string, email: string): Promise<string> {
      const body = { email, password: OLD_PASSWORD };
      return String((await request(baseUrl, "POST", "/v1/login", { body })).body.access_token);
    },
  };
}
