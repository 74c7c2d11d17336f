// `npm run bench [-- name …]`: figures as ratios to a reference that is measured in the same run.
import { fanoutBench } from "./fanout.ts";
import { feedBench } from "./feed.ts";
import { friendsBench } from "./friends.ts";
import { historyBench } from "./history.ts";
import { httpBench } from "./http.ts";
import { idleBench } from "./idle.ts";
import { importBench } from "./import.ts";
import { searchBench } from "./search.ts";
import { sendBench } from "./send.ts";
import { slowBench } from "./slow.ts";
import { uploadBench } from "./upload.ts";

const BENCHES: Record<string, () => Promise<void>> = {
  http: httpBench,
  friends: friendsBench,
  feed: feedBench,
  search: searchBench,
  fanout: fanoutBench,
  slow: slowBench,
  idle: idleBench,
  send: sendBench,
  history: historyBench,
  upload: uploadBench,
  import: importBench,
};

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  console.log(`Usage: npm run bench [-- ${Object.keys(BENCHES).join(" | ")}]`);
  process.exit(unknown.some((name) => ["--help", "-h"].includes(name)) ? 0 : 1);
}
for (const [name, run] of Object.entries(BENCHES)) {
  if (chosen.length === 0 || chosen.includes(name)) await run();
}
