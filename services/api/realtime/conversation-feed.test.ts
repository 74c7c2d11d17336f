import { beforeEach, expect, test } from "@jest/globals";
import { eventually } from "../../../test/servers/eventually.ts";
import { ConversationFeed, type LiveEntry, PAGE } from "./conversation-feed.ts";
import { Subscription } from "./subscription.ts";

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const entryOf = (seq: number) => ({ seq, frame: `frame ${seq}` });
const publish = (seq: number) => feed.receive(JSON.stringify(entryOf(seq)));

let tail: number;
let reads: number[];
let outage: boolean;
let feed: ConversationFeed;

beforeEach(() => {
  tail = 0;
  reads = [];
  outage = false;
  feed = new ConversationFeed(async (after, limit) => {
    reads.push(after);
    if (outage) throw new Error("no chat service");
    return numbers(after + 1, Math.min(after + limit, tail)).map(entryOf);
  });
});

class Reader {
  seq: number;
  readonly got: number[] = [];

  constructor(seq: number) {
    this.seq = seq;
  }

  readonly signals: string[] = [];

  signal({ frame }: { frame: string }): void {
    this.signals.push(frame);
  }

  closed(): void {}

  deliver({ seq, frame }: LiveEntry): void {
    if (seq <= this.seq) return;
    expect(String(frame)).toBe(`frame ${seq}`);
    this.seq = seq;
    this.got.push(seq);
  }
}

const signal = (behind: number, frame: string) =>
  feed.receive(JSON.stringify({ from: "somebody", behind, frame }));

function live(from: number): Reader {
  tail = Math.max(tail, from);
  feed.noteTail(from);
  const reader = new Reader(from);
  expect(feed.join(reader)).toBe(true);
  return reader;
}

test("what comes in order goes out at once, without a look at the log", () => {
  const reader = live(3);
  for (const seq of [4, 5, 6]) publish(seq);
  expect(reader.got).toEqual([4, 5, 6]);
  expect(reads).toEqual([]);
});

test("what comes twice goes out once", () => {
  const reader = live(0);
  for (const seq of [1, 1, 2, 1, 2, 3]) publish(seq);
  expect(reader.got).toEqual([1, 2, 3]);
});

test("what was lost is read from the log before anything later goes out", async () => {
  const reader = live(1);
  tail = 5;
  publish(5);
  expect(reader.got).toEqual([]);
  await eventually(() => reader.got.length === 4, { every: 1 });
  expect(reader.got).toEqual([2, 3, 4, 5]);
  expect(reads).toEqual([1]);
});

test("a gap longer than a page is filled, with what arrives meanwhile behind it", async () => {
  const reader = live(0);
  tail = 3 * PAGE;
  publish(tail);
  for (const seq of [tail + 2, tail + 1]) publish(seq);
  await eventually(() => reader.seq === tail + 2, { every: 1 });
  expect(reader.got).toEqual(numbers(1, tail + 2));
});

test("a gap is filled when the log can be read again", async () => {
  const reader = live(0);
  outage = true;
  tail = 2;
  publish(2);
  await eventually(() => reads.length > 1, { every: 1 });
  expect(reader.got).toEqual([]);
  outage = false;
  await eventually(() => reader.seq === 2, { every: 1 });
  expect(reader.got).toEqual([1, 2]);
});

test("after the bus was gone, what was missed comes from the log, though nothing later was published", async () => {
  const reader = live(2);
  tail = 4;
  feed.catchUp();
  await eventually(() => reader.seq === 4, { every: 1 });
  expect(reader.got).toEqual([3, 4]);
});

test("a tail that is noted later shows what was missed", async () => {
  const reader = live(2);
  tail = 4;
  live(4);
  await eventually(() => reader.seq === 4, { every: 1 });
});

test("one who comes over from the log gets what arrived since, and nothing that it has", () => {
  live(0);
  for (const seq of numbers(1, 20)) publish(seq);
  const behind = new Reader(15);
  expect(feed.join(behind)).toBe(true);
  const ahead = new Reader(22);
  expect(feed.join(ahead)).toBe(true);
  for (const seq of numbers(21, 24)) publish(seq);
  expect(behind.got).toEqual(numbers(16, 24));
  expect(ahead.got).toEqual([23, 24]);
});

test("one who is too far behind has to read on in the log", () => {
  live(0);
  for (const seq of numbers(1, 200)) publish(seq);
  expect(feed.join(new Reader(10))).toBe(false);
});

test("what arrived before the first reader noted the tail is not lost", () => {
  publish(8);
  publish(6);
  publish(7);
  expect(live(6).got).toEqual([7, 8]);
});

test("garbage is passed over", () => {
  const reader = live(0);
  feed.receive("{");
  feed.receive("{}");
  publish(1);
  expect(reader.got).toEqual([1]);
  expect(reads).toEqual([]);
});

test("what the bus brings while the log is being read goes out once", async () => {
  const got: number[] = [];
  let answer: (() => void) | undefined;
  const slow = new ConversationFeed(
    () =>
      new Promise((resolve) => {
        answer = () => resolve([1, 2, 3].map(entryOf));
      }),
  );
  slow.noteTail(0);
  slow.join({ seq: 0, deliver: ({ seq }) => got.push(seq), signal() {}, closed() {} });
  slow.catchUp();
  for (const seq of [1, 2]) slow.receive(JSON.stringify(entryOf(seq)));
  answer?.();
  await eventually(() => got.includes(3), { every: 1 });
  expect(got).toEqual([1, 2, 3]);
});

test("a subscription that read further in the log than the feed has come gets nothing twice", async () => {
  const other = live(20);
  tail = 22;
  const frames: string[] = [];
  const readLog = async (after: number) => numbers(after + 1, tail).map(entryOf);
  const subscription = new Subscription(
    { feed, ready: Promise.resolve(), readLog, release() {} },
    {
      caller: undefined,
      pushSignal() {},
      pushEntry({ frame }, written) {
        frames.push(String(frame));
        written?.();
      },
      inTurn: (work) => work(),
    },
    () => {},
  );
  outage = true;
  await subscription.start(
    async () => ({ tail, after: 18 }),
    () => {},
  );
  outage = false;
  await eventually(() => other.seq === 22, { every: 1 });
  publish(23);
  expect(frames).toEqual(numbers(19, 23).map((seq) => `frame ${seq}`));
});

test("a reader that leaves with what it gets when it comes over is not kept", () => {
  live(0);
  publish(1);
  const signalled: string[] = [];
  const leaving = {
    seq: 0,
    deliver: () => feed.leave(leaving),
    signal: ({ from }: { from: string }) => signalled.push(from),
    closed() {},
  };
  feed.join(leaving);
  signal(1, "typing");
  expect(signalled).toEqual([]);
});

test("a signal goes out behind the entries that were there before it, and once", async () => {
  const reader = live(0);
  publish(1);
  signal(1, "at once");
  tail = 3;
  signal(3, "later");
  publish(2);
  expect(reader.signals).toEqual(["at once"]);
  // The third was lost, and is read from the log.
  await eventually(() => reader.signals.length === 2, { every: 1 });
  expect([reader.got, reader.signals]).toEqual([
    [1, 2, 3],
    ["at once", "later"],
  ]);
  publish(4);
  expect(reader.signals).toHaveLength(2);
});

test("of many signals that wait the latest hundred are told", async () => {
  const reader = live(0);
  tail = 1;
  for (const i of numbers(1, 150)) signal(1, `${i}`);
  await eventually(() => reader.signals.length > 0, { every: 1 });
  expect(reader.signals).toEqual(numbers(51, 150).map(String));
});

test("of more early ones than are kept none is lost", async () => {
  const reader = live(0);
  tail = 1_500;
  for (const seq of numbers(2, 1_500)) publish(seq);
  await eventually(() => reader.seq === 1_500, { every: 1 });
  expect(reader.got).toEqual(numbers(1, 1_500));
});
