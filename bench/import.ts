// An import of another system's data into a process by itself: killed half-way, resumed, and looked through for what is there twice.
import { statSync } from "node:fs";
import { join } from "node:path";
import { makeDirectory, removeDirectory } from "../test/servers/custody.ts";
import { startVeche } from "../test/servers/processes.ts";
import { request } from "../test/support/http.ts";
import { Import } from "../test/support/importing.ts";
import {
  type Amounts,
  expectedOf,
  OLD_PASSWORD,
  readHeld,
  writeChatServerFile,
} from "../test/support/old-chat-server.ts";

const AMOUNTS: Amounts = { users: 100_000, rooms: 2_000, messages: 1_000_000 };
const KILLED_AT = 50;

export async function importBench(): Promise<void> {
  const directory = makeDirectory("bench-import");
  try {
    const file = join(directory, "chat-server.ndjson");
    process.stderr.write("writing the file\n");
    await writeChatServerFile(file, AMOUNTS);
    const env = { DATA_DIR: join(directory, "veche") };
    const first = new Import(["chat-server", file], env);
    await first.reached(KILLED_AT);
    first.signal("SIGKILL");
    await first.ended();
    const second = new Import(["chat-server", file], env);
    const code = await second.ended();
    if (code !== 0) throw new Error(`the import ended with ${code}: ${second.stderr}`);

    console.log(
      `\n${AMOUNTS.users} users, ${AMOUNTS.rooms} rooms, ${AMOUNTS.messages} messages (${mib(statSync(file).size)} MiB)`,
    );
    console.log(`Killed at ${first.percent} %:`);
    console.table(progressOf(first));
    console.log("Resumed:");
    console.table(progressOf(second));
    console.log(second.stdout);
    const held = await readHeld(env.DATA_DIR);
    const expected = expectedOf(AMOUNTS);
    if (JSON.stringify(held) !== JSON.stringify(expected)) {
      throw new Error(`there is ${JSON.stringify(held)}, not ${JSON.stringify(expected)}`);
    }
    console.log(`Nothing is missing, nothing is there twice: ${JSON.stringify(held)}`);
    await signIn(directory);
  } finally {
    removeDirectory(directory);
  }
}

const mib = (bytes: number) => Math.round(bytes / 1024 / 1024);

/** What it said of itself, at each tenth. */
const progressOf = ({ stderr }: Import) =>
  [
    ...stderr.matchAll(
      /(\d+) % {2}([\d,]+) records {2}([\d,]+)\/s.*importer ([\d,]+) MiB, process ([\d,]+) MiB/g,
    ),
  ]
    .map(([, percent, records, rate, importer, all]) => ({
      "%": percent,
      records,
      "records/s so far": rate,
      "importer, MiB": importer,
      "process with database, MiB": all,
    }))
    .filter(({ "%": percent }, i, lines) => lines.findIndex((line) => line["%"] === percent) === i);

async function signIn(directory: string): Promise<void> {
  const veche = await startVeche({ name: "veche", directory });
  try {
    await veche.ready(600_000);
    const body = { email: `user${AMOUNTS.users}@example.com`, password: OLD_PASSWORD };
    const { status } = await request(veche.baseUrl, "POST", "/v1/login", { body });
    console.log(`The last user signs in with the old password: ${status}`);
  } finally {
    await veche.kill();
  }
}
