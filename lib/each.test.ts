import { expect, test } from "@jest/globals";
import { each } from "./each.ts";

test.each([1, 3, 10])(
  "all are worked on, %d at a time, and then the first failure is thrown",
  async (width) => {
    const seen: number[] = [];
    const work = async (n: number) => {
      seen.push(n);
      if (n % 2 === 0) throw new Error(`no ${n}`);
    };
    async function* numbers() {
      yield* [1, 2, 3, 4, 5];
    }
    await expect(each(numbers(), work, { width })).rejects.toThrow("no 2");
    await expect(each([1, 3], work, { width })).resolves.toBeUndefined();
    expect(seen).toEqual([1, 2, 3, 4, 5, 1, 3]);
  },
);

test("nothing new is begun once it is to end", async () => {
  const end = new AbortController();
  const seen: number[] = [];
  await each(
    [1, 2, 3],
    (n) => {
      seen.push(n);
      end.abort();
    },
    { signal: end.signal },
  );
  expect(seen).toEqual([1]);
});
