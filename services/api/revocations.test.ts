/** A gateway knows who was revoked, and knows when it does not know. */
import { afterEach, expect, jest, test } from "@jest/globals";
import type { SessionId } from "../../lib/ids.ts";
import { type ListRevoked, Revocations } from "./revocations.ts";

const [a, b, c] = ["a", "b", "c"] as unknown as [SessionId, SessionId, SessionId];
const hooks = { ready: () => true, onRead: () => {}, onFailure: () => {} };
const none = { session_ids: [], next: null };

jest.useFakeTimers({ now: 1_800_000_000_000 });
const running: Revocations[] = [];
const started = (list: ListRevoked) => {
  const revocations = new Revocations(list);
  running.push(revocations);
  void revocations.run(hooks);
  return revocations;
};
const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

afterEach(() => {
  for (const revocations of running.splice(0)) revocations.stop();
});

test("reads all pages of the whole time that a token can live, then only what is late", async () => {
  const list = jest.fn<ListRevoked>(async ({ after }) =>
    after === undefined ? { session_ids: [a], next: "p2" } : { session_ids: [b], next: null },
  );
  const startedAt = Date.now();
  const revocations = started(list);
  expect(revocations.fresh).toBe(false);
  await pass(1);
  expect([a, b, c].map((id) => revocations.has(id))).toEqual([true, true, false]);
  expect(revocations.fresh).toBe(true);
  expect(list.mock.calls[0]?.[0]).toEqual({ since_unix_ms: startedAt - 86_460_000 });
  expect(list.mock.calls[1]?.[0]).toEqual({ since_unix_ms: startedAt - 86_460_000, after: "p2" });
  await pass(500);
  expect(list.mock.calls[2]?.[0]).toEqual({ since_unix_ms: startedAt - 60_000 });
});

test("is stale five seconds after the last read, and then reads from a minute before that one", async () => {
  let fails = false;
  const list = jest.fn<ListRevoked>(async () => {
    if (fails) throw new Error("nobody there");
    return none;
  });
  const startedAt = Date.now();
  const revocations = started(list);
  await pass(1);
  fails = true;
  await pass(4_990);
  expect(revocations.fresh).toBe(true);
  await pass(20);
  expect(revocations.fresh).toBe(false);
  fails = false;
  await pass(600);
  expect(revocations.fresh).toBe(true);
  expect(list.mock.lastCall?.[0].since_unix_ms).toBe(startedAt - 60_000);
});

test("a listener hears of a session once, whether by event or by reading", async () => {
  let listed: SessionId[] = [];
  const revocations = started(async () => ({ session_ids: listed, next: null }));
  const heard: SessionId[] = [];
  revocations.onRevoked((sessions) => heard.push(...sessions));
  revocations.add([a]);
  listed = [a, b];
  await pass(1_100);
  expect(heard).toEqual([a, b]);
});

test("what no token can name any more is forgotten", async () => {
  const revocations = started(async () => none);
  revocations.add([a]);
  await pass(86_400_000);
  expect(revocations.has(a)).toBe(true);
  await pass(61_000);
  expect(revocations.has(a)).toBe(false);
});
