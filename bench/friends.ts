// The time of a page of friends, the first one and the fiftieth, at 1,000 friends and at 100,000.
import { once } from "node:events";
import type { UserId } from "../lib/ids.ts";
import { median, startTarget, stopTarget, type Target } from "./target.ts";
import type { Wanted } from "./targets/friends.ts";

const SIZES = [1_000, 100_000];
const PAGE = 20;
const DEEP = 50;
const ROUNDS = 9;
const REQUESTS = 200;

interface Measured {
  name: string;
  path: string;
  token: string;
  /** Milliseconds a request, of each round. */
  times: number[];
}

/** All take turns, so that whatever else the machine does falls on all of them. */
export async function friendsBench(): Promise<void> {
  const veche = await startTarget("friends");
  try {
    const measured: Measured[] = [];
    for (const size of SIZES) {
      const token = await userWith(veche, size);
      const cursor = await cursorOf(veche.url, token);
      const first = `/v1/friends?limit=${PAGE}`;
      measured.push({ name: `first page of ${size}`, path: first, token, times: [] });
      measured.push({ name: `page ${DEEP} of ${size}`, path: `${first}&cursor=${cursor}`, token, times: [] });
    }
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const { path, token, times } of measured) {
        const began = performance.now();
        for (let i = 0; i < REQUESTS; i += 1) await getPage(veche.url, path, token);
        // The first round warms up.
        if (round > 0) times.push((performance.now() - began) / REQUESTS);
      }
      process.stderr.write(`round ${round} of ${ROUNDS}\r`);
    }
    report(measured);
  } finally {
    await stopTarget(veche);
  }
}

function report(measured: Measured[]): void {
  console.log(
    `\nPages of ${PAGE} friends, one request after the other, ${ROUNDS} rounds of ${REQUESTS} in turns`,
  );
  const reference = median(measured[0]?.times ?? []);
  console.table(
    measured.map(({ name, times }) => ({
      what: name,
      "ms (median)": median(times).toFixed(3),
      "ms (least – most)": `${Math.min(...times).toFixed(3)} – ${Math.max(...times).toFixed(3)}`,
      "of the first page of 1,000": (median(times) / reference).toFixed(2),
    })),
  );
}

interface Page {
  friend_user_ids: string[];
  next_cursor: string | null;
}

async function getPage(url: string, path: string, token: string): Promise<Page> {
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  const page = (await answer.json()) as Page;
  if (answer.status !== 200 || page.friend_user_ids.length !== PAGE) {
    throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(page).slice(0, 200)}`);
  }
  return page;
}

/** Of the page that comes before the deep one. */
async function cursorOf(url: string, token: string): Promise<string> {
  let cursor: string | null = null;
  for (let page = 1; page < DEEP; page += 1) {
    const more: string = cursor === null ? "" : `&cursor=${cursor}`;
    cursor = (await getPage(url, `/v1/friends?limit=${PAGE}${more}`, token)).next_cursor;
  }
  return cursor ?? "";
}

async function userWith({ url, child }: Target, friends: number): Promise<string> {
  const answer = await fetch(`${url}/v1/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: `with${friends}@example.com`, password: "correct horse" }),
  });
  const { user_id, access_token } = (await answer.json()) as Record<string, string>;
  const wanted: Wanted = { user: user_id as UserId, friends };
  child.send(wanted);
  await once(child, "message");
  return String(access_token);
}
