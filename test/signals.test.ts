// A script that is told to end while it still starts. The first process of a container has no default way to end, so that only a
// signal that the script catches itself counts: it shows by an exit code instead of a signal as the cause of the end.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { hold, makeDirectory, release, removeDirectory } from "./servers/custody.ts";

const directory = makeDirectory("signals");
afterAll(() => removeDirectory(directory));

const WITHIN_MS = 8_000;
const ROOT = join(import.meta.dirname, "..");

/** Sends the process the signal when it begins to load a module whose path has this in it, or `after` the words on its output. */
function early(script: string, args: string[], moment: { loading: string } | { after: string }) {
  const preload = join(directory, "preload.mjs");
  writeFileSync(
    preload,
    `import { registerHooks } from "node:module";
     let sent = false;
     registerHooks({ load(url, context, load) {
       if (!sent && process.env.LOADING && url.includes(process.env.LOADING)) {
         sent = true;
         process.kill(process.pid, "SIGTERM");
       }
       return load(url, context);
     } });`,
  );
  const child = spawn(
    process.execPath,
    ["--import", preload, join(ROOT, "scripts", `${script}.ts`), ...args],
    {
      cwd: directory,
      env: {
        PATH: process.env.PATH ?? "",
        DATA_DIR: join(directory, script),
        PORT: "0",
        LOG_LEVEL: "info",
        ...CLUSTER,
        ...("loading" in moment ? { LOADING: moment.loading } : {}),
      },
    },
  );
  if (child.pid !== undefined) hold(child.pid);
  return new Promise<{ code: number | null; signal: string | null; output: string }>((resolve) => {
    let output = "";
    const late = setTimeout(() => child.kill("SIGKILL"), 30_000);
    let told = "loading" in moment;
    const read = (text: Buffer) => {
      output += text;
      if (told || !("after" in moment) || !output.includes(moment.after)) return;
      told = true;
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), WITHIN_MS).unref();
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("close", (code, signal) => {
      clearTimeout(late);
      if (child.pid !== undefined) release(child.pid);
      resolve({ code, signal, output });
    });
  });
}

const SECRET = "0123456789abcdef0123456789abcdef";
/** Nothing answers there. */
const CLUSTER = {
  NATS_URL: "nats://127.0.0.1:1",
  MONGO_URL: "mongodb://127.0.0.1:1/veche",
  JWT_SECRET: SECRET,
  REFRESH_SECRET: SECRET,
  HEALTH_PORT: "0",
};

test.each([
  { loading: "/lib/config.ts" },
  { loading: "/zod/" },
  { loading: "/moleculer.config.ts" },
  { loading: "/mongoose/" },
  { loading: "/services/chat/chat.service.ts" },
  { loading: "/services/users/users.service.ts" },
  { after: "Moleculer v" },
  { after: "is not there yet" },
])(
  "start, told to end at %j, ends by itself, and well",
  async (moment) => {
    const { code, signal, output } = await early("start", [], moment);
    expect({ code, signal, output }).toEqual({ code: 0, signal: null, output: expect.any(String) });
  },
  40_000,
);

// Work that was asked for and is not done is no success: a job must run again.
test.each([
  [
    "schema",
    [],
    { loading: "/lib/data-dir.ts" },
    /^veche: The schema was not changed to its end: run it again\.\n$/,
  ],
  [
    "schema",
    [],
    { loading: "/mongoose/" },
    /^veche: The schema was not changed to its end: run it again\.\n$/,
  ],
  ["schema", [], { after: "is not there yet" }, /: The schema was not changed to its end: run it again\.\n$/],
  ["import", ["balun", import.meta.filename], { loading: "/zod/" }, /^$/],
  ["admin", ["ann@example.com"], { loading: "/lib/contract.ts" }, /^$/],
  ["demo", ["http://127.0.0.1:1"], { loading: "/clients/ts/client.ts" }, /^(Nothing answers at .*\n)?$/],
] as const)(
  "%s %j, told to end at %j, ends by itself with 1",
  async (script, args, moment, said) => {
    const { code, signal, output } = await early(script, [...args], moment);
    expect({ code, signal, output }).toEqual({ code: 1, signal: null, output: expect.stringMatching(said) });
  },
  40_000,
);
