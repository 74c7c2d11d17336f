// Every order in which the reads and writes of several processes can come, and every point where one can die.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { isVecheError, unavailable } from "../../lib/errors.ts";
import type { UserId } from "../../lib/ids.ts";
import {
  type Collections,
  type Document,
  type OpenCollection,
  openCollection,
} from "../../mixins/collection/collection.ts";
import { Counts } from "./counts.ts";
import { Edges } from "./edges.ts";
import { Lists } from "./lists.ts";
import { Mending } from "./mending.ts";
import * as rules from "./pair.ts";
import { Pairs } from "./pairs.ts";
import { socialCollections } from "./social.store.ts";

type Kept = Collections<typeof socialCollections>;

const USERS = Array.from({ length: 5 }, (_, i) => String(i + 1).padStart(16, "0") as UserId);
/** Whose account is deleted, perhaps while all the rest happens, and certainly afterwards. */
const FORGOTTEN = USERS[1] as UserId;
const CHANGES = [
  ...["request", "request", "accept", "accept", "decline", "cancel", "remove"],
  ...["follow", "follow", "unfollow", "block", "unblock", "sweep", "sweep", "forget"],
] as const;

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
const clear = async () => {
  for (const collection of open) {
    for (const { _id } of await collection.page({ prefix: "", limit: 10_000 }))
      await collection.deleteOne({ _id });
  }
};
afterEach(() => Promise.all(open.map((collection) => collection.close())));

/** What happens to one operation on the database: it is done, or it fails before or after it was done. */
type Fate = "done" | "before" | "after";

/** One process, whose operations on the database come when the scheduler says, until it dies. */
class Process {
  readonly pairs: Pairs;
  readonly mending: Mending;
  readonly counts: Counts;
  readonly died: Promise<void>;
  #die = () => {};
  #operations = 0;

  constructor(turn: () => Promise<unknown>, fateOf: () => Fate, diesAt: number) {
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
    const operate = async (work: () => Promise<unknown>) => {
      await turn();
      this.#operations += 1;
      if (this.#operations >= diesAt) {
        this.#die();
        return new Promise<never>(() => {});
      }
      const fate = fateOf();
      if (fate === "before") throw unavailable();
      const result = await work();
      if (fate === "after") throw unavailable();
      return result;
    };
    const watched = Object.fromEntries(
      Object.entries(kept).map(([name, collection]) => [name, watching(collection, operate)]),
    ) as unknown as Kept;
    const edges = new Edges(watched.edges);
    this.counts = new Counts(watched.counts, watched.edges);
    this.pairs = new Pairs(watched.pairs, edges, this.counts, 0);
    this.mending = new Mending(watched, this.pairs, edges, this.counts);
  }
}

const watching = <C extends object>(collection: C, operate: (work: () => Promise<unknown>) => unknown): C =>
  new Proxy(collection, {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...given: unknown[]) => Promise<unknown>;
      return (...given: unknown[]) => operate(() => method.apply(target, given));
    },
  });

interface Command {
  change: (typeof CHANGES)[number];
  by: number;
  to: number;
}

async function perform({ pairs, mending, counts }: Process, { change, by, to }: Command): Promise<unknown> {
  if (change === "sweep") {
    await mending.settleLeft(0);
    return counts.sweep();
  }
  if (change === "forget") return mending.forgetUser(FORGOTTEN, 1);
  const [me, other] = [USERS[by], USERS[to]];
  if (me === undefined || other === undefined || me === other) return;
  const request = (await kept.pairs.findById(rules.pairId(me, other)))?.request?.id ?? "none";
  const step = {
    request: rules.sendRequest(0),
    accept: rules.accept(request),
    decline: rules.decline(request),
    cancel: rules.cancel(request),
    remove: rules.removeFriend,
    follow: rules.follow,
    unfollow: rules.unfollow,
    block: rules.block,
    unblock: rules.unblock,
  }[change];
  // One of several types of answers, none of which is looked at.
  return pairs.change(me, other, step as rules.Step<unknown>);
}

async function performAll(process: Process, commands: Command[]): Promise<void> {
  for (const command of commands) {
    try {
      await perform(process, command);
    } catch (error) {
      if (!isVecheError(error)) throw error;
    }
  }
}

/** Looks at everything as it is shown, and as it is kept. */
async function expectTruth(): Promise<void> {
  const lists = new Lists(kept.edges, kept.pairs);
  const pairs = await kept.pairs.page({ prefix: "", limit: 1_000 });
  const truth = new Map(pairs.map((pair) => [pair._id, pair]));
  for (const { low, high, request, friends_since, unsettled_since } of pairs) {
    const pending = request?.status === "PENDING";
    const ties = [friends_since, low.follows_since, high.follows_since, pending || undefined];
    expect(pending && friends_since !== undefined).toBe(false);
    const blocked = low.blocks_since !== undefined || high.blocks_since !== undefined;
    if (blocked) expect(ties).toEqual([undefined, undefined, undefined, undefined]);
    expect(unsettled_since).toBeUndefined();
  }
  for (const user of USERS) {
    const peersWhere = (holds: (pair: rules.PairState, peer: UserId) => boolean) =>
      USERS.filter((peer) => {
        const pair = truth.get(rules.pairId(user, peer));
        return peer !== user && pair !== undefined && holds(pair, peer);
      });
    const pendingFrom = ({ request }: rules.PairState) => request?.status === "PENDING" && request.from;
    const expected = {
      friend: peersWhere((pair) => pair.friends_since !== undefined),
      incoming: peersWhere((pair, peer) => pendingFrom(pair) === peer),
      outgoing: peersWhere((pair) => pendingFrom(pair) === user),
      following: peersWhere((pair, peer) => rules.side(pair, user, peer).follows_since !== undefined),
      follower: peersWhere((pair, peer) => rules.side(pair, peer, user).follows_since !== undefined),
      block: peersWhere((pair, peer) => rules.side(pair, user, peer).blocks_since !== undefined),
    };
    for (const [list, peers] of Object.entries(expected)) {
      const { user_ids } = await lists.page(user, list as keyof typeof expected, { limit: 100 });
      expect([user, list, user_ids.sort()]).toEqual([user, list, peers]);
    }
    const { friends, followers, following } = await new Counts(kept.counts, kept.edges).of(user);
    expect([user, friends, followers, following]).toEqual([
      ...[user, expected.friend.length, expected.follower.length, expected.following.length],
    ]);
  }
}

const user = fc.nat(USERS.length - 1);
const command = fc.record({ change: fc.constantFrom(...CHANGES), by: user, to: user });
/** Few users, so that many changes meet. */
const crowded = fc.record({ change: fc.constantFrom(...CHANGES), by: fc.nat(1), to: fc.nat(2) });
const lane = fc.oneof(fc.array(command, { maxLength: 6 }), fc.array(crowded, { maxLength: 6 }));
const fates = fc.infiniteStream(
  fc.oneof(
    { weight: 30, arbitrary: fc.constant<Fate>("done") },
    { weight: 1, arbitrary: fc.constantFrom<Fate>("before", "after") },
  ),
);

const seldom = fc.oneof(
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 60 }) },
  { weight: 1, arbitrary: fc.constant(Number.POSITIVE_INFINITY) },
);

test("whatever the order, and whoever dies, lists and counts are the truth once the sweep ran", async () => {
  const inputs = [
    fc.scheduler(),
    fc.array(lane, { minLength: 2, maxLength: 6 }),
    fc.tuple(seldom, seldom),
    fates,
  ] as const;
  const property = fc.asyncProperty(...inputs, async (scheduler, lanes, deaths, fate) => {
    const turn = () => scheduler.schedule(Promise.resolve());
    const processes = deaths.map((at) => new Process(turn, () => fate.next().value ?? "done", at));
    const running = lanes.map((commands, i) => {
      const process = processes[i % processes.length] as Process;
      return Promise.race([performAll(process, commands), process.died]);
    });
    await scheduler.waitFor(Promise.all(running));
    const sweeper = new Process(
      () => Promise.resolve(),
      () => "done",
      Number.POSITIVE_INFINITY,
    );
    for (let i = 0; i < 2; i += 1) {
      await sweeper.mending.settleLeft(0);
      await sweeper.counts.sweep();
    }
    await expectTruth();
    await sweeper.mending.sweep(0);
    await expectTruth();
    for (const round of [1, 2]) await sweeper.mending.forgetUser(FORGOTTEN, round);
    await sweeper.counts.sweep();
    await expectTruth();
    const left = await Promise.all(open.map((each) => each.page({ prefix: "", limit: 1_000 })));
    expect(JSON.stringify(left)).not.toContain(FORGOTTEN);
  });
  await fc.assert(
    property.beforeEach(async () => clear()),
    { numRuns: Number(process.env.RUNS ?? 500) },
  );
});
