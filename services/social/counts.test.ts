// Orders in which counts would go wrong if any of their three safeguards were missing. Others are tried by interleavings.test.ts.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { unavailable } from "../../lib/errors.ts";
import type { UserId } from "../../lib/ids.ts";
import {
  type Collections,
  type Document,
  type OpenCollection,
  openCollection,
} from "../../mixins/collection/collection.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { Counts } from "./counts.ts";
import { Edges } from "./edges.ts";
import { Mending } from "./mending.ts";
import { follow } from "./pair.ts";
import { Pairs } from "./pairs.ts";
import { edgeId, socialCollections } from "./social.store.ts";

type Kept = Collections<typeof socialCollections>;

const [ANN, BOB, EVE] = ["1", "2", "3"].map((id) => id.padStart(16, "0")) as [UserId, UserId, UserId];

let open: OpenCollection<Document>[];
let kept: Kept;
beforeEach(async () => {
  const quiet = { debug() {}, info() {}, warn() {}, error() {} };
  const { signal } = new AbortController();
  const opened = await Promise.all(
    Object.entries(socialCollections).map(async ([name, definition]) => {
      const collection = await openCollection<Document>(definition, { checkQueries: true }, quiet, signal);
      return [name, collection] as const;
    }),
  );
  open = opened.map(([, collection]) => collection);
  // Each was opened by its own definition.
  kept = Object.fromEntries(opened) as unknown as Kept;
});
afterEach(() => Promise.all(open.map((collection) => collection.close())));

interface Meddling {
  /** Of what the method is given, as JSON. */
  when?: string;
  before?(): Promise<unknown>;
  after?(): Promise<unknown>;
}

/** A collection of which something happens before or after a method is done, the first time. */
function meddling<C extends object>(
  collection: C,
  method: keyof C,
  { when = "", before, after }: Meddling,
): C {
  let done = false;
  return new Proxy(collection, {
    get: (target, name) => {
      const own = Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>;
      if (name !== method) return own.bind(target);
      return async (...given: unknown[]) => {
        const meddles = !done && JSON.stringify(given).includes(when);
        done ||= meddles;
        if (meddles) await before?.();
        const result = await own.apply(target, given);
        if (meddles) await after?.();
        return result;
      };
    },
  });
}

function processOf(collections: Kept) {
  const edges = new Edges(collections.edges);
  const counts = new Counts(collections.counts, collections.edges);
  const pairs = new Pairs(collections.pairs, edges, counts, 0);
  return { counts, pairs, mending: new Mending(collections, pairs, edges, counts) };
}

const followersOf = async (user: UserId) => (await processOf(kept).counts.of(user)).followers;
async function sweep() {
  const { mending, counts } = processOf(kept);
  await mending.settleLeft(0);
  await counts.sweep();
}

test("an edge that a recount has counted already is not added once more", async () => {
  const recount = async () => {
    const { counts } = processOf(kept);
    await counts.suspect(BOB);
    await counts.sweep();
  };
  // One that BOB has already, so that there is something to count.
  await processOf(kept).pairs.change(EVE, BOB, follow);
  // The edge has moved, the addition is still to come.
  const counts = meddling(kept.counts, "updateOne", { when: `"${BOB}"`, before: recount });
  await processOf({ ...kept, counts }).pairs.change(ANN, BOB, follow);
  await sweep();
  expect(await followersOf(BOB)).toBe(2);
});

test("a recount during which somebody adds is not kept", async () => {
  const { pairs, counts } = processOf(kept);
  await pairs.change(EVE, BOB, follow);
  await counts.suspect(BOB);
  const add = () => pairs.change(ANN, BOB, follow);
  const edges = meddling(kept.edges, "page", { after: add });
  await processOf({ ...kept, edges }).counts.sweep();
  await sweep();
  expect(await followersOf(BOB)).toBe(2);
});

test("who finds an edge moved by another, who may have died before adding, has it counted anew", async () => {
  // A sweep settles the pair while the one who changed it is about to, and dies before it adds.
  const dying = async () => {
    const never = async () => {
      throw unavailable();
    };
    const counts = new Proxy(kept.counts, {
      get: (target, name) =>
        name === "updateOne" ? never : (Reflect.get(target, name) as () => unknown).bind(target),
    });
    await processOf({ ...kept, counts })
      .mending.settleLeft(0)
      .catch(() => {});
    await eventually(async () => (await kept.edges.findById(edgeId(BOB, ANN))) !== null);
  };
  await processOf(kept).counts.epochsOf([ANN, BOB]);
  const edges = meddling(kept.edges, "findById", { when: edgeId(BOB, ANN), before: dying });
  await processOf({ ...kept, edges }).pairs.change(ANN, BOB, follow);
  await sweep();
  expect(await followersOf(BOB)).toBe(1);
});
