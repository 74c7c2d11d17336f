import { beforeEach, expect, test } from "@jest/globals";
import { newRoomId, newUserId } from "../../lib/ids.ts";
import { type Collection, openCollection } from "../../mixins/collection/collection.ts";
import { type AppendMembership, Memberships } from "./memberships.ts";
import { type MemberDocument, memberId, roomsCollections } from "./rooms.store.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const room = newRoomId();
const user = newUserId();
const STALE = 0;

let members: Collection<MemberDocument>;
/** As chat keeps it: once for each membership. */
let log: string[];
/** How many calls of chat go through until it is away. */
let working: number;

const append: AppendMembership = async (type, { membership }) => {
  if (working-- <= 0) throw new Error("chat is away");
  const entry = `${type} ${membership}`;
  if (!log.includes(entry)) log.push(entry);
};

beforeEach(async () => {
  members = await openCollection(roomsCollections.members, { checkQueries: true }, silent);
  log = [];
  working = Number.POSITIVE_INFINITY;
});

const make = (collection = members) => new Memberships(collection, append, STALE);
const types = () => log.map((entry) => entry.split(" ")[0]);
const kept = () => members.findById(memberId(room, user));
const next = () => new Promise((resolve) => setTimeout(resolve, 2));

/** The collection of a process that dies at one of its writes: that one and all later ones are not made. */
function dyingAt(write: number): Collection<MemberDocument> {
  let writes = 0;
  return new Proxy(members, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        const isWrite = /^(insert|update|delete|findOneAnd)/.test(String(property));
        if (isWrite && ++writes >= write) throw new Error("the process has died");
        return Reflect.apply(member, target, args);
      };
    },
  });
}

test("a join that chat could not take is kept, and is in the log after the sweep", async () => {
  working = 0;
  await expect(make().enter(room, user)).rejects.toThrow("chat is away");
  expect(await make().find(room, user)).toMatchObject({ owes_join: true });
  working = 1;
  await next();
  await make().sweep();
  expect(types()).toEqual(["join"]);
  expect(await kept()).not.toHaveProperty("owes_join");
  expect(await kept()).not.toHaveProperty("unsettled_since");
});

test("a removal that chat could not take refuses at once, and is finished by the sweep", async () => {
  const { member } = await make().enter(room, user);
  working = 0;
  await expect(make().end(member)).rejects.toThrow("chat is away");
  expect(await make().find(room, user)).toBeNull();
  working = 1;
  await next();
  await make().sweep();
  expect(types()).toEqual(["join", "leave"]);
  expect(await kept()).toBeNull();
});

test("whoever joins while an earlier removal is unfinished finishes it first", async () => {
  const { member } = await make().enter(room, user);
  working = 0;
  await expect(make().end(member)).rejects.toThrow();
  working = Number.POSITIVE_INFINITY;
  const { member: again, isNew } = await make().enter(room, user);
  expect(isNew).toBe(true);
  expect(again.membership).not.toBe(member.membership);
  expect(types()).toEqual(["join", "leave", "join"]);
});

test.each([1, 2, 3, 4, 5, 6])("a crash at write %i leaves what the sweep puts right", async (write) => {
  const mortal = make(dyingAt(write));
  await mortal
    .enter(room, user)
    .then(({ member }) => mortal.end(member))
    .then(() => mortal.enter(room, user))
    .catch(() => {});
  await next();
  await make().sweep();
  const isIn = (await make().find(room, user)) !== null;
  const entries = types();
  entries.forEach((type, i) => {
    expect(type).toBe(i % 2 ? "leave" : "join");
  });
  expect(isIn).toBe(entries.at(-1) === "join");
  expect(await members.find({ unsettled_since: { $gt: 0 } }, { limit: 10 })).toEqual([]);
});

test("a removal that is late does not touch the membership of who has come back", async () => {
  const { member: first } = await make().enter(room, user);
  await make().end(first);
  const { member: second } = await make().enter(room, user);
  await make().end(first);
  expect(await kept()).toMatchObject({ membership: second.membership });
  expect(types()).toEqual(["join", "leave", "join"]);
});

test("who is about to be made the owner can't leave, until that has been given up", async () => {
  const { member } = await make().enter(room, user);
  const promoted = await make().change(member, { $set: { promoted_at: Date.now() } });
  const patient = new Memberships(members, append, 60_000);
  await expect(patient.end(promoted)).rejects.toMatchObject({ type: "UNAVAILABLE" });
  await expect(make().end(member)).rejects.toMatchObject({ type: "UNAVAILABLE" });
  await make().end(promoted);
  expect(await kept()).toBeNull();
});

test("who is removed while their join is still owed has both in the log", async () => {
  working = 0;
  await expect(make().enter(room, user)).rejects.toThrow();
  working = Number.POSITIVE_INFINITY;
  const member = await make().find(room, user);
  if (member) await make().end(member);
  expect(types()).toEqual(["join", "leave"]);
});

test("a join that is settled late does not strike off what a later stay owes", async () => {
  const { member: first } = await make().enter(room, user);
  await make().end(first);
  working = 0;
  await expect(make().enter(room, user)).rejects.toThrow();
  working = 1;
  await make().settle({ ...first, owes_join: true });
  expect(await kept()).toMatchObject({ owes_join: true });
});
