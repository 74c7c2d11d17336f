import { expect, test } from "@jest/globals";
import { CircuitBreaker } from "./circuit-breaker.ts";
import { hasCode, notFound } from "./errors.ts";

const OPEN_FOR = 50;

function breaker() {
  const changes: boolean[] = [];
  const made = new CircuitBreaker({
    failures: 3,
    openFor: OPEN_FOR,
    isFailure: (error) => !hasCode(error, "NOT_FOUND"),
    onChange: (open) => changes.push(open),
  });
  let asked = 0;
  const ask = (work: () => Promise<string>) =>
    made
      .run(() => {
        asked += 1;
        return work();
      })
      .catch((error: Error & { type?: string }) => error.type ?? error.message);
  return { ask, changes, asked: () => asked };
}
const fails = () => Promise.reject(new Error("broken"));
const works = async () => "done";

test("after some failures in a row it answers at once, tries one call, and closes when that works", async () => {
  const { ask, changes, asked } = breaker();
  for (let i = 0; i < 3; i += 1) expect(await ask(fails)).toBe("broken");
  expect(await ask(works)).toBe("UNAVAILABLE");
  expect([asked(), changes]).toEqual([3, [true]]);
  await new Promise((passed) => setTimeout(passed, OPEN_FOR + 10));
  // Only one of many.
  const answers = await Promise.all([ask(fails), ask(works), ask(works)]);
  expect(answers).toEqual(["broken", "UNAVAILABLE", "UNAVAILABLE"]);
  expect(await ask(works)).toBe("UNAVAILABLE");
  await new Promise((passed) => setTimeout(passed, OPEN_FOR + 10));
  expect(await ask(works)).toBe("done");
  expect(changes).toEqual([true, false]);
});

test("what is wrong with the question is no failure, and a success in between starts the count anew", async () => {
  const { ask, asked } = breaker();
  for (let i = 0; i < 5; i += 1) await ask(() => Promise.reject(notFound("Not there.")));
  for (let i = 0; i < 5; i += 1) {
    await ask(fails);
    await ask(fails);
    await ask(works);
  }
  expect(asked()).toBe(20);
});
