// The time of a page of the feed, the first one and the fiftieth, of followed who wrote 1,000 posts and 100,000; and what it costs
// to follow many.
import type { UserId } from "../lib/ids.ts";
import { ask } from "./asking.ts";
import { firstAndDeep, type Measured, measurePages, registered, reportPages } from "./pages.ts";
import { startTarget, stopTarget, type Target } from "./target.ts";
import type { Follows, Writes } from "./targets/posts.ts";

/** How many posts, and by how many. */
const SIZES = [
  [1_000, 100],
  [100_000, 5_000],
] as const;
const PAGE = 20;
const DEEP = 50;
const FOLLOWED = [100, 1_000, 5_000];

export async function feedBench(): Promise<void> {
  const targets: Target[] = [];
  try {
    const bySize: Measured[] = [];
    const byFollowed: Measured[] = [];
    for (const [posts, authors] of SIZES) {
      const veche = await startTarget("posts");
      targets.push(veche);
      await ask(veche.child, "write", { posts, authors, rare: 1 } satisfies Writes);
      for (const followed of FOLLOWED.filter((each) => each <= authors)) {
        const pages = await feedOf(veche, followed, `${followed} followed, ${posts} posts`);
        if (followed === FOLLOWED[0]) bySize.push(...pages);
        if (authors >= (FOLLOWED.at(-1) ?? 0)) byFollowed.push(...pages.slice(0, 1));
      }
    }
    await measurePages(bySize);
    reportPages(`Pages of ${PAGE} posts`, bySize);
    await measurePages(byFollowed, 30);
    reportPages(`First pages of ${PAGE} posts`, byFollowed);
  } finally {
    await Promise.all(targets.map(stopTarget));
  }
}

async function feedOf({ url, child }: Target, followed: number, name: string): Promise<Measured[]> {
  const { id, token } = await registered(url, `follows${followed}`);
  await ask(child, "follow", { user: id as UserId, followed } satisfies Follows);
  return firstAndDeep(name, { url, path: `/v1/feed?limit=${PAGE}`, token, items: ["posts", PAGE] }, DEEP);
}
