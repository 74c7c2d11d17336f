// The time of a page of a search, the first one and the fiftieth, at 1,000 posts and at 100,000: by a common word, a rare one, and two.
import { ask } from "./asking.ts";
import { firstAndDeep, type Measured, measurePages, registered, reportPages } from "./pages.ts";
import { startTarget, stopTarget, type Target } from "./target.ts";
import type { Writes } from "./targets/posts.ts";

const SIZES = [1_000, 100_000];
const PAGE = 10;
const DEEP = 50;
const RARE = 20;

export async function searchBench(): Promise<void> {
  const targets: Target[] = [];
  const measured: Record<string, Measured[]> = {};
  try {
    for (const posts of SIZES) {
      const veche = await startTarget("posts");
      targets.push(veche);
      const size = await ask(veche.child, "write", { posts, authors: 100, rare: RARE } satisfies Writes);
      console.log(`${posts} posts: ${JSON.stringify(size)}`);
      const { token } = await registered(veche.url, "reader");
      const pages = async (what: string, query: string, deep: number, count = PAGE) => {
        const path = `/v1/posts?query=${query}&limit=${PAGE}`;
        const wanted = { url: veche.url, path, token, items: ["posts", count] as Measured["items"] };
        const [first, last] = await firstAndDeep(`${posts}`, wanted, deep);
        const taken = [first, ...(deep > 1 ? [last] : [])].filter((each) => each !== undefined);
        measured[what] = [...(measured[what] ?? []), ...taken];
      };
      await pages("a word in every post", "everywhere", DEEP);
      await pages(`a word in ${RARE} posts`, "seldom", 1);
      await pages("a word in every post, one in every other", "everywhere+even", DEEP);
      await pages(`a word in every post, one in ${RARE}`, "everywhere+seldom", 1);
      await pages("the beginning of a word in every post", "ever", DEEP);
      await pages("two words in every other post each, that never meet", "even+uneven", 1, 0);
    }
    for (const [what, pages] of Object.entries(measured)) {
      await measurePages(pages, 50);
      reportPages(`Pages of ${PAGE} posts with ${what}`, pages);
    }
  } finally {
    await Promise.all(targets.map(stopTarget));
  }
}
