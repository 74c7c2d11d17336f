// The time of pages over HTTP, embedded, one request after the other; all take turns, so that whatever else the machine does falls
// on all of them.
import { median } from "./target.ts";

const ROUNDS = 9;
const REQUESTS = 200;

export interface Measured {
  name: string;
  url: string;
  path: string;
  token: string;
  /** The field of the answer that has the list, and how many it must have. */
  items: [field: string, count: number];
  /** Milliseconds a request, of each round. */
  times: number[];
}

type Wanted = Omit<Measured, "name" | "times">;
type Page = { next_cursor: string | null } & Record<string, unknown>;

/** @param requests of a round, for each page */
export async function measurePages(measured: Measured[], requests = REQUESTS): Promise<void> {
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const wanted of measured) {
      const began = performance.now();
      for (let i = 0; i < requests; i += 1) await getPage(wanted);
      // The first round warms up.
      if (round > 0) wanted.times.push((performance.now() - began) / requests);
    }
    process.stderr.write(`round ${round} of ${ROUNDS}\r`);
  }
}

/** @param reference what the others are set against */
export function reportPages(what: string, measured: Measured[], reference = measured[0]): void {
  console.log(`\n${what}, one request after the other, ${ROUNDS} rounds in turns`);
  const first = median(reference?.times ?? []);
  console.table(
    measured.map(({ name, times }) => ({
      what: name,
      "ms (median)": median(times).toFixed(3),
      "ms (least – most)": `${Math.min(...times).toFixed(3)} – ${Math.max(...times).toFixed(3)}`,
      [`of: ${reference?.name}`]: (median(times) / first).toFixed(2),
    })),
  );
}

async function getPage({ url, path, token, items: [field, count] }: Wanted): Promise<Page> {
  const answer = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } });
  const page = (await answer.json()) as Page;
  const items = page[field];
  if (answer.status !== 200 || !Array.isArray(items) || items.length !== count) {
    throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(page).slice(0, 200)}`);
  }
  return page;
}

/** Once it answers in time: a collection that was just filled may be compacting its file. */
async function settled(wanted: Wanted): Promise<void> {
  for (let attempt = 0; attempt < 30; attempt += 1) {
    const ready = await getPage(wanted).then(
      () => true,
      () => false,
    );
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** The first page of a list, and a deep one. @param path with a query */
export async function firstAndDeep(name: string, wanted: Wanted, deep: number): Promise<Measured[]> {
  await settled(wanted);
  let cursor: string | null = null;
  for (let page = 1; page < deep; page += 1) {
    const more: string = cursor === null ? "" : `&cursor=${cursor}`;
    cursor = (await getPage({ ...wanted, path: `${wanted.path}${more}` })).next_cursor;
  }
  return [
    { ...wanted, name: `first page of ${name}`, times: [] },
    { ...wanted, path: `${wanted.path}&cursor=${cursor}`, name: `page ${deep} of ${name}`, times: [] },
  ];
}

export async function registered(url: string, name: string): Promise<{ id: string; token: string }> {
  const answer = await fetch(`${url}/v1/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: `${name}@example.com`, password: "correct horse" }),
  });
  const { user_id, access_token } = (await answer.json()) as Record<string, string>;
  return { id: String(user_id), token: String(access_token) };
}
