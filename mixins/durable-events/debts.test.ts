/** What a write owes is sent, whatever happens between the write and the sending. */
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { newUserId, type UserId } from "../../lib/ids.ts";
import type {} from "../../services/auth/auth.contract.ts";
import {
  type Document,
  defineCollection,
  type OpenCollection,
  openCollection,
} from "../collection/collection.ts";
import { type Owing, owe, owedIndex, owing, type PublishOwed, payDebts, sweepDebts } from "./debts.ts";

interface Account extends Document, Owing {
  state: string;
}

let accounts: OpenCollection<Account>;
let sent: string[];

const publish: PublishOwed = async (event, payload) => {
  sent.push(`${event} ${userOf(payload)}`);
};
const userOf = (payload: object) => (payload as { user_id?: string }).user_id;
const unreachable: PublishOwed = async () => {
  throw new Error("NATS is away");
};

beforeEach(async () => {
  sent = [];
  const definition = defineCollection<Account>({ name: "accounts", indexes: [owedIndex] });
  accounts = await openCollection(definition, { checkQueries: true }, console);
});
afterEach(() => accounts.close());

const registered = (user_id: UserId) => ({ event: "user.registered", payload: { user_id } }) as const;
const deleted = (user_id: UserId) => ({ event: "user.deleted", payload: { user_id, round: 1 } }) as const;

const insert = (user: UserId) => accounts.insert({ _id: user, state: "active", ...owing(registered(user)) });

test("a debt is paid and struck off", async () => {
  const user = newUserId();
  await payDebts(accounts, await insert(user), publish);
  expect(sent).toEqual([`user.registered ${user}`]);
  expect(await accounts.findById(user)).toEqual({ _id: user, state: "active" });
});

test("a debt that could not be paid stays, and the sweep pays it", async () => {
  const user = newUserId();
  await expect(payDebts(accounts, await insert(user), unreachable)).rejects.toThrow("NATS is away");
  await expect(sweepDebts(accounts, 0, unreachable)).rejects.toThrow("NATS is away");
  await sweepDebts(accounts, 0, publish);
  await sweepDebts(accounts, 0, publish);
  expect(sent).toEqual([`user.registered ${user}`]);
});

test("the sweep leaves young debts to whoever wrote them", async () => {
  await insert(newUserId());
  await sweepDebts(accounts, 60_000, publish);
  expect(sent).toEqual([]);
});

test("a debt that comes while an earlier one is paid is not struck off with it", async () => {
  const user = newUserId();
  const account = await insert(user);
  await payDebts(accounts, account, async (event, payload) => {
    await publish(event, payload);
    const { $set, $push } = owe(deleted(user));
    await accounts.updateOne({ _id: user }, { $set: { ...$set, state: "deleting" }, $push });
  });
  sent = [];
  await sweepDebts(accounts, 0, publish);
  expect(sent).toEqual([`user.registered ${user}`, `user.deleted ${user}`]);
  expect(await accounts.findById(user)).toEqual({ _id: user, state: "deleting" });
});

test("one that can't be paid doesn't hold up the others, however many there are", async () => {
  const [first, ...others] = Array.from({ length: 250 }, () => newUserId());
  for (const user of [first, ...others]) if (user) await insert(user);
  const picky: PublishOwed = (event, payload) =>
    userOf(payload) === first ? Promise.reject(new Error("refused")) : publish(event, payload);
  for (let run = 0; run < 3; run++) await expect(sweepDebts(accounts, 0, picky)).rejects.toThrow("refused");
  expect(sent.sort()).toEqual(others.map((user) => `user.registered ${user}`).sort());
  await sweepDebts(accounts, 0, publish);
  expect(await accounts.find({ owed_at: { $gte: 0 } }, { limit: 1 })).toEqual([]);
});
