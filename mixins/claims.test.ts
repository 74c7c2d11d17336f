import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Claim, type Claimant, Claims, claimCollection } from "./claims.ts";
import {
  type Collection,
  defineCollection,
  type OpenCollection,
  openCollection,
} from "./collection/collection.ts";

interface Owner extends Claimant {
  name?: string;
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const LATER = () => Date.now() + 1_000;

let owners: OpenCollection<Owner>;
let claims: OpenCollection<Claim>;
beforeEach(async () => {
  const options = { checkQueries: true };
  owners = await openCollection(defineCollection<Owner>({ name: "owners" }), options, quiet);
  claims = await openCollection(claimCollection("claims"), options, quiet);
  await owners.insertMany([{ _id: "ann", name: "Ann" }, { _id: "bob" }]);
  await claims.insert({ _id: "name:ann", owner: "ann", attempt: "first" });
});
afterEach(async () => {
  await owners.close();
  await claims.close();
});

const owner = async (id: string): Promise<Owner> => {
  const found = await owners.findById(id);
  if (!found) throw new Error(`no owner ${id}`);
  return found;
};
const claimed = async () => {
  const all = await claims.page({ prefix: "", limit: 100 });
  return all.map(
    ({ _id, owner: of, open_since }) => `${_id} ${of}${open_since === undefined ? "" : " open"}`,
  );
};

/** A process that ends after so many writes: everything after them fails. */
function dyingAfter(writes: number) {
  let left = writes;
  const dying = <D extends { _id: string }>(collection: Collection<D>): Collection<D> =>
    new Proxy(collection, {
      get(target, method) {
        const value = Reflect.get(target, method);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          if (/^(insert|update|findOneAnd|delete)/.test(String(method)) && left-- <= 0) {
            left = -1;
            throw new Error("the process has ended");
          }
          return value.apply(target, args);
        };
      },
    });
  return new Claims<Owner>(dying(owners), dying(claims));
}

test("a value is taken, changed and freed", async () => {
  const all = new Claims(owners, claims);
  await all.take(await owner("bob"), "name", "Bob");
  expect(await all.ownerOf("name", "BOB")).toBe("bob");
  await all.take(await owner("bob"), "name", "Robert");
  expect(await owner("bob")).toEqual({ _id: "bob", name: "Robert" });
  expect(await claimed()).toEqual(["name:ann ann", "name:robert bob"]);
  await all.releaseAll(await owner("bob"), ["name"]);
  expect(await claimed()).toEqual(["name:ann ann"]);
});

test("another's value is refused, whatever its case, and changes nothing", async () => {
  const all = new Claims(owners, claims);
  await expect(all.take(await owner("bob"), "name", "ANN")).rejects.toMatchObject({ type: "ALREADY_EXISTS" });
  expect(await owner("bob")).toEqual({ _id: "bob" });
  expect(await claimed()).toEqual(["name:ann ann"]);
});

test("one's own value in another case needs no other claim", async () => {
  await new Claims(owners, claims).take(await owner("ann"), "name", "ANN");
  expect(await owner("ann")).toEqual({ _id: "ann", name: "ANN" });
  expect(await claimed()).toEqual(["name:ann ann"]);
});

test.each(Array.from({ length: 8 }, (_, writes) => writes))(
  "a process that ends after %i writes of a change leaves one value and one claim, once the sweep ran",
  async (writes) => {
    await dyingAfter(writes)
      .take(await owner("ann"), "name", "Anna")
      .catch(() => undefined);
    const all = new Claims(owners, claims);
    // Twice: what the first run moves on, the second one finds settled.
    await all.sweep(LATER());
    await all.sweep(LATER());
    const { name } = await owner("ann");
    expect(["Ann", "Anna"]).toContain(name);
    expect(await claimed()).toEqual([`name:${name?.toLowerCase()} ann`]);
    // The other value is free for another.
    const free = name === "Ann" ? "Anna" : "Ann";
    expect(await all.take(await owner("bob"), "name", free)).toMatchObject({ name: free });
  },
);

test("of twenty who want one value at once, exactly one gets it", async () => {
  const ids = Array.from({ length: 20 }, (_, i) => `user${i}`);
  await owners.insertMany(ids.map((_id) => ({ _id })));
  const all = new Claims(owners, claims);
  const outcomes = await Promise.allSettled(ids.map(async (id) => all.take(await owner(id), "name", "Zoe")));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(await claimed()).toHaveLength(2);
});

test("one owner who wants several values at once ends with one of them, and its claim alone", async () => {
  const all = new Claims(owners, claims);
  const names = Array.from({ length: 10 }, (_, i) => `Ann${i}`);
  const before = await owner("ann");
  await Promise.allSettled(names.map((name) => all.take(before, "name", name)));
  await all.sweep(LATER());
  await all.sweep(LATER());
  const { name } = await owner("ann");
  expect(await claimed()).toEqual([`name:${name?.toLowerCase()} ann`]);
});

test("the sweep leaves alone what may still be under way", async () => {
  await dyingAfter(2)
    .take(await owner("bob"), "name", "Bob")
    .catch(() => undefined);
  await new Claims(owners, claims).sweep(Date.now() - 60_000);
  expect(await claimed()).toEqual(["name:ann ann", "name:bob bob open"]);
});
