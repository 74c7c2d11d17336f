/** Params come only from where the route says, and nothing unknown gets through. */
import { describe, expect, test } from "@jest/globals";
import { paramsReader } from "./params.ts";
import { routesOf } from "./route.ts";

const route = routesOf("test");
const listMessages = paramsReader(
  route({ method: "GET", path: "/v1/chats/{id}/messages", action: "v1.chat.listMessages", summary: "" }),
);
const sendMessage = paramsReader(
  route({ method: "POST", path: "/v1/chats/{id}/messages", action: "v1.chat.sendMessage", summary: "" }),
);
const renamed = paramsReader(
  route({
    method: "GET",
    path: "/v1/profile/{user_id}",
    action: "v1.users.getProfileById",
    summary: "",
    renamed: { user_id: "id" },
  }),
);
const path = { id: "7" };
const refusal = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    return error as { type: string; data: { errors?: { path: string; message: string }[] } };
  }
  throw new Error("nothing was refused");
};

describe("a query", () => {
  test("gives numbers where the contract wants numbers, and strings elsewhere", () => {
    expect(listMessages({ path, query: "limit=5&cursor=12", body: undefined })).toEqual({
      id: "7",
      limit: 5,
      cursor: "12",
    });
  });

  test.each(["abc", "", "1e3", "0x10", "5 ", "Infinity"])(
    "leaves limit=%j for the contract to refuse",
    (text) => {
      const query = `limit=${encodeURIComponent(text)}`;
      expect(listMessages({ path, query, body: undefined }).limit).toBe(text);
    },
  );

  test.each([
    ["colour=red", "colour", "unknown query parameter"],
    ["limit=1&limit=2", "limit", "is given more than once"],
    ["limit[$gt]=1", "limit[$gt]", "unknown query parameter"],
    ["__proto__=1", "__proto__", "unknown query parameter"],
    ["id=9", "id", "unknown query parameter"],
  ])("%s is refused by name", (query, name, message) => {
    const { type, data } = refusal(() => listMessages({ path, query, body: undefined }));
    expect(type).toBe("INVALID_ARGUMENT");
    expect(data.errors).toEqual([{ path: name, message }]);
  });

  test("that is not UTF-8 is refused", () => {
    expect(refusal(() => listMessages({ path, query: "cursor=%ff", body: undefined })).type).toBe(
      "INVALID_ARGUMENT",
    );
  });
});

describe("a body", () => {
  test("is taken as it is", () => {
    expect(sendMessage({ path, query: "", body: { text: "hi" } })).toEqual({ id: "7", text: "hi" });
  });

  test.each(['{"id":"8","text":"hi"}', '{"__proto__":{"id":"8"}}', '{"constructor":1}'])(
    "%s can't bring what is unknown or in the path",
    (json) => {
      const { data } = refusal(() => sendMessage({ path, query: "", body: JSON.parse(json) }));
      expect(data.errors?.[0]?.message).toBe("unknown field");
    },
  );

  test.each([[[]], [null], ["text"], [3]])("%j is not an object", (body) => {
    expect(refusal(() => sendMessage({ path, query: "", body })).type).toBe("INVALID_ARGUMENT");
  });

  test("does not open the query", () => {
    expect(refusal(() => sendMessage({ path, query: "text=hi", body: {} })).data.errors?.[0]?.path).toBe(
      "text",
    );
  });
});

test("a param may have another name in the path", () => {
  expect(renamed({ path: { user_id: "7" }, query: "", body: undefined })).toEqual({ id: "7" });
});
