/** The dialect of ego: accounts, profiles, avatars and subscriptions. User ids are numbers; lists are paged by offset. */
import { z } from "zod";
import type { Problem } from "../problem.ts";
import type { Dialect } from "./dialect.ts";
import { egoAuthRoutes } from "./ego/auth.ts";
import { egoPostRoutes } from "./ego/posts.ts";
import { egoSubscriptionRoutes } from "./ego/subscriptions.ts";
import { egoUserRoutes } from "./ego/users.ts";

interface Detail {
  loc: (string | number)[];
  msg: string;
  type: string;
}

/** FastAPI's form of what is wrong with a request, field by field. */
function detailsOf({ detail, extensions }: Problem, where: "body" | "query"): Detail[] {
  // So it was made, where there are any: see lib/errors.ts.
  const errors = (extensions.errors ?? []) as { path: string; message: string }[];
  if (errors.length === 0) return [{ loc: [where], msg: detail, type: "value_error" }];
  return errors.map(({ path, message }) => ({
    loc: [where, ...path.split(".")],
    msg: message,
    type: "value_error",
  }));
}

export const ego: Dialect = {
  name: "ego",
  description: "The older dialect of ego: accounts, profiles, avatars, subscriptions and posts",
  errors: {
    contentType: "application/json",
    malformed: 422,
    schema: z.union([
      z.object({ message: z.string(), data: z.unknown() }),
      z.object({
        detail: z.array(
          z.object({
            loc: z.array(z.union([z.string(), z.int()])),
            msg: z.string(),
            type: z.string(),
          }),
        ),
      }),
    ]),
    bodyOf: (problem, malformed) =>
      malformed ? { detail: detailsOf(problem, malformed) } : { message: problem.detail, data: null },
  },
  routes: [...egoAuthRoutes, ...egoUserRoutes, ...egoSubscriptionRoutes, ...egoPostRoutes],
};
