import { expect, test } from "@jest/globals";
import type { UserId } from "../../../lib/ids.ts";
import { Turns } from "./turns.ts";

const [eve, ann, bob] = ["1", "2", "3"] as UserId[] as [UserId, UserId, UserId];
const { signal: stays } = new AbortController();

/** Work that takes a turn of the event loop and notes whose it was. */
const noting = (order: string[], name: string) => async () => {
  order.push(name);
  await new Promise(setImmediate);
};

test("each owner gets a turn, however much one has sent before", async () => {
  const turns = new Turns();
  const order: string[] = [];
  const sent = [
    ...["e1", "e2", "e3", "e4"].map((name) => turns.take(eve, stays, noting(order, name))),
    ...["a1", "a2"].map((name) => turns.take(ann, stays, noting(order, name))),
    turns.take(bob, stays, noting(order, "b1")),
  ];
  await Promise.all(sent);
  expect(order).toEqual(["e1", "a1", "e2", "b1", "a2", "e3", "e4"]);
  expect(turns.idle).toBe(true);
});

test("work that fails lets the next one begin", async () => {
  const turns = new Turns();
  const broken = turns.take(eve, stays, () => Promise.reject(new Error("broken")));
  const next = turns.take(eve, stays, async () => "done");
  await expect(broken).rejects.toThrow("broken");
  expect(await next).toBe("done");
});

test("who has gone, or waited for too long, does not get a turn", async () => {
  const turns = new Turns(50);
  const order: string[] = [];
  let end = () => {};
  const hanging = turns.take(eve, stays, () => new Promise<void>((resolve) => (end = resolve)));
  const goes = new AbortController();
  const went = turns.take(ann, goes.signal, noting(order, "went"));
  const late = turns.take(ann, stays, noting(order, "late"));
  goes.abort();
  await expect(went).rejects.toMatchObject({ type: "NOT_FOUND" });
  await expect(late).rejects.toMatchObject({ type: "RESOURCE_EXHAUSTED" });
  await expect(turns.take(ann, goes.signal, noting(order, "went"))).rejects.toMatchObject({
    type: "NOT_FOUND",
  });
  const waits = turns.take(bob, stays, noting(order, "waits"));
  end();
  await Promise.all([hanging, waits]);
  expect([order, turns.idle]).toEqual([["waits"], true]);
});

test("no more than 32 wait", async () => {
  const turns = new Turns();
  const order: string[] = [];
  const all = Array.from({ length: 40 }, (_, i) =>
    turns.take(String(i) as UserId, stays, noting(order, "x")),
  );
  const done = await Promise.allSettled(all);
  const refused = done.filter(({ status }) => status === "rejected");
  expect([refused.length, order.length]).toEqual([7, 33]);
});
