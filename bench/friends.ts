// The time of a page of friends, the first one and the fiftieth, at 1,000 friends and at 100,000.
import { once } from "node:events";
import type { UserId } from "../lib/ids.ts";
import { firstAndDeep, type Measured, measurePages, registered, reportPages } from "./pages.ts";
import { startTarget, stopTarget, type Target } from "./target.ts";
import type { Wanted } from "./targets/friends.ts";

const SIZES = [1_000, 100_000];
const PAGE = 20;
const DEEP = 50;

export async function friendsBench(): Promise<void> {
  const veche = await startTarget("friends");
  try {
    const measured: Measured[] = [];
    for (const size of SIZES) {
      const token = await userWith(veche, size);
      const list = { url: veche.url, path: `/v1/friends?limit=${PAGE}`, token };
      const items: Measured["items"] = ["friend_user_ids", PAGE];
      measured.push(...(await firstAndDeep(String(size), { ...list, items }, DEEP)));
    }
    await measurePages(measured);
    reportPages(`Pages of ${PAGE} friends`, measured);
  } finally {
    await stopTarget(veche);
  }
}

async function userWith({ url, child }: Target, friends: number): Promise<string> {
  const { id, token } = await registered(url, `with${friends}`);
  const wanted: Wanted = { user: id as UserId, friends };
  child.send(wanted);
  await once(child, "message");
  return token;
}
