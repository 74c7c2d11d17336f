// ego's subscriptions, which its document describes in line 15, as its system served them.
import { beforeAll, describe, expect, test } from "@jest/globals";
import { signUp } from "../../support/http.ts";
import { clientOf, type Target } from "./target.ts";

const refused = { message: expect.any(String), data: null };

export function egoSubscriptionsSuite(target: Target): void {
  const say = clientOf(target, "ego");
  const [ann, bob] = [
    { access: "", id: 0 },
    { access: "", id: 0 },
  ];
  const as = ({ access }: { access: string }) => ({ authorization: `Bearer ${access}` });

  beforeAll(async () => {
    for (const user of [ann, bob]) {
      const { accessToken, userId } = await signUp(target.baseUrl());
      Object.assign(user, { access: accessToken, id: Number(userId) });
    }
    const body = { first_name: "Anna", last_name: "Test", gender: "female", birthday: "2000-01-01" };
    expect((await say("POST", "/users/create_user", { ...as(ann), body })).status).toBe(201);
  });

  describe("subscriptions", () => {
    const subscribe = (subscription_id: unknown) =>
      say("POST", "/subscription/subscribe", { ...as(ann), body: { subscription_id } });
    const unsubscribe = (subscription_id: unknown) =>
      say("DELETE", "/subscription/unsubscribe", { ...as(ann), body: { subscription_id } });
    const list = (name: string, query: string) => say("GET", `/subscription/get_${name}?${query}`, as(bob));

    test("ego 15: POST subscription/subscribe, DELETE subscription/unsubscribe", async () => {
      const pair = { subscriber_id: ann.id, subscription_id: bob.id };
      expect(await subscribe(bob.id)).toMatchObject({ status: 201, body: pair });
      expect(await subscribe(bob.id)).toMatchObject({ status: 409, body: refused });
      expect(await subscribe(ann.id)).toMatchObject({ status: 400, body: refused });
      expect(await subscribe(1)).toMatchObject({ status: 404, body: refused });
      expect(await subscribe("bob")).toMatchObject({
        status: 422,
        body: { detail: [{ loc: ["body", "subscription_id"] }] },
      });
      expect(await unsubscribe(bob.id)).toMatchObject({ status: 200, body: pair });
      expect(await unsubscribe(bob.id)).toMatchObject({ status: 404, body: refused });
      expect(await unsubscribe(ann.id)).toMatchObject({ status: 400, body: refused });
    });

    test("ego 15: the lists page by offset, in either order, and say offset and limit", async () => {
      const followed: number[] = [];
      for (const _ of [1, 2, 3]) {
        const id = Number((await signUp(target.baseUrl())).userId);
        await subscribe(id);
        followed.push(id);
      }
      const ids = async (query: string) => {
        const { status, body } = await list("subscriptions", `user_id=${ann.id}&${query}`);
        expect(status).toBe(200);
        return {
          ids: body.subscriptions.map((each: { user_id: number }) => each.user_id),
          page: [body.offset, body.limit],
        };
      };
      expect(await ids("")).toEqual({ ids: followed.toReversed(), page: [0, 20] });
      expect(await ids("order=asc")).toEqual({ ids: followed, page: [0, 20] });
      expect(await ids("order=asc&offset=1&limit=1")).toEqual({ ids: followed.slice(1, 2), page: [1, 1] });
      expect(await ids("order=desc&offset=2&limit=5")).toEqual({ ids: followed.slice(0, 1), page: [2, 5] });
      expect(await ids("offset=10000")).toEqual({ ids: [], page: [10_000, 20] });
      const { body } = await list("subscribers", `user_id=${followed[0]}`);
      expect(body).toEqual({
        subscribers: [
          { user_id: ann.id, first_name: "Anna", last_name: "Test", avatar: null, deleted: false },
        ],
        ...{ offset: 0, limit: 20 },
      });
      expect((await say("GET", `/users/info?user_id=${ann.id}`, as(bob))).body.count_of_subscriptions).toBe(
        3,
      );
    });

    test.each([
      ["offset=10001", "offset", /10000/],
      ["offset=-1", "offset", /./],
      ["limit=0", "limit", /./],
      ["limit=101", "limit", /./],
      ["order=random", "order", /./],
    ])("ego 15: %s is refused, and it is said why", async (query, field, why) => {
      const { status, body } = await list("subscriptions", `user_id=${ann.id}&${query}`);
      expect(status).toBe(422);
      expect(body).toMatchObject({ detail: [{ loc: ["query", field], msg: expect.stringMatching(why) }] });
    });

    test("ego 15: of nobody there is no list", async () => {
      expect(await list("subscribers", "user_id=1")).toMatchObject({ status: 404, body: refused });
      expect((await list("subscribers", "")).status).toBe(422);
    });
  });
}
