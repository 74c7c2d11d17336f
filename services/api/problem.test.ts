/** Every error becomes a problem that tells clients enough, and nothing of the inside. */
import { describe, expect, test } from "@jest/globals";
import { Errors } from "moleculer";
import { alreadyExists, resourceExhausted, VecheError } from "../../lib/errors.ts";
import { HttpError, problemBody, toProblem } from "./problem.ts";

const inside = { action: "v1.users.getMe", nodeID: "node-7" };

describe("an error of the family", () => {
  test("keeps its sentence, code and details", () => {
    const problem = toProblem(alreadyExists("There is one.", { chat_id: "12" }));
    expect(JSON.parse(problemBody(problem, "r-1"))).toEqual({
      type: "about:blank",
      title: "Conflict",
      status: 409,
      detail: "There is one.",
      code: "ALREADY_EXISTS",
      chat_id: "12",
      request_id: "r-1",
    });
  });

  test("cannot rewrite the members of the standard by its details", () => {
    const problem = toProblem(alreadyExists("There is one.", { status: 200, code: "OK", detail: "x" }));
    expect(JSON.parse(problemBody(problem))).toMatchObject({ status: 409, code: "ALREADY_EXISTS" });
  });

  test("says when to try again", () => {
    expect(toProblem(resourceExhausted("Slow down.", 2.2)).headers).toEqual({ "Retry-After": "3" });
  });

  test("that is internal is logged, and not told", () => {
    const problem = toProblem(new VecheError("INTERNAL", "collection users is gone", { host: "db-1" }));
    expect(problem.unexpected).toBe(true);
    expect(problemBody(problem)).not.toMatch(/users|db-1/);
  });

  test("that crossed the mesh is known by its type alone", () => {
    const error = Object.assign(new Error("No such chat."), { type: "NOT_FOUND", code: 404, data: {} });
    expect(toProblem(error)).toMatchObject({ status: 404, detail: "No such chat." });
  });
});

describe("an error of the mesh", () => {
  test.each([
    [new Errors.ServiceNotFoundError(inside), 503],
    [new Errors.ServiceNotAvailableError(inside), 503],
    [new Errors.RequestRejectedError(inside), 503],
    [new Errors.QueueIsFullError(inside), 503],
    [new Errors.RequestTimeoutError(inside), 504],
    [new Errors.RequestSkippedError(inside), 504],
  ])("%s tells neither action nor node", (error, status) => {
    const problem = toProblem(error);
    expect(problem.status).toBe(status);
    expect(problem.unexpected).toBe(false);
    expect(problemBody(problem)).not.toMatch(/v1\.users|node-7/);
  });
});

test.each([new Error("secret"), new TypeError("secret"), "secret", undefined, { code: 404, type: "SECRET" }])(
  "anything else (%p) is a 500 that tells nothing",
  (error) => {
    const problem = toProblem(error);
    expect(problem).toMatchObject({ status: 500, code: "INTERNAL", unexpected: true });
    expect(problemBody(problem)).not.toMatch(/secret/i);
  },
);

test("a 401 always says how to sign in", () => {
  expect(toProblem(new VecheError("UNAUTHENTICATED", "No.")).headers["WWW-Authenticate"]).toBe("Bearer");
  expect(toProblem(new HttpError("UNAUTHENTICATED", "No.", { "WWW-Authenticate": "x" })).headers).toEqual({
    "WWW-Authenticate": "x",
  });
});
