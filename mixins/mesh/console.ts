/**
 * Calls typed into Moleculer's console. It makes numbers of what looks like one, ids among them, and has no token: who a call is
 * made for is said in its meta, `--#user.id`.
 */
import type { Context, Middleware } from "moleculer";
import { z } from "zod";
import type { Caller, Meta } from "../../lib/contract.ts";
import { invalidArgument } from "../../lib/errors.ts";
import { type SessionId, SessionIdSchema, UserIdSchema } from "../../lib/ids.ts";

/** The console marks its calls so; no request of a client can. */
type ConsoleMeta = Meta & { $repl?: boolean };
type Next = (ctx: Context<unknown, Meta>) => Promise<unknown>;

export const isFromConsole = ({ meta }: Context<unknown, object>): boolean =>
  (meta as ConsoleMeta).$repl === true;

/** A session that there is not: nothing is signed out by what is done in its name. */
const NO_SESSION = "00000000-0000-4000-8000-000000000000" as SessionId;

const Named = z.object({
  id: z.union([z.string(), z.int().min(0).transform(String)]).pipe(UserIdSchema),
  sessionId: SessionIdSchema.default(NO_SESSION),
  role: z.enum(["user", "admin"]).default("user"),
});

/** Makes a caller of what was typed. */
export const fromConsole: Middleware = {
  name: "FromConsole",
  localAction(next: Next): Next {
    return (ctx) => {
      if (!isFromConsole(ctx) || ctx.meta.user === undefined) return next(ctx);
      const named = Named.safeParse(ctx.meta.user);
      if (!named.success) {
        return Promise.reject(invalidArgument("#user.id: must be the id of a user"));
      }
      ctx.meta.user = named.data satisfies Caller;
      return next(ctx);
    };
  },
};

/**
 * Params with a text wherever one was expected and a number typed.
 * @param error what is wrong with them as they are
 */
export function withTexts(params: unknown, error: z.ZodError): unknown {
  const copy: unknown = structuredClone(params);
  for (const { code, path, ...issue } of error.issues) {
    if (code !== "invalid_type" || (issue as { expected?: string }).expected !== "string") continue;
    const holder = path.slice(0, -1).reduce<unknown>((value, key) => at(value, key), copy);
    const key = path.at(-1);
    const value = key === undefined ? undefined : at(holder, key);
    if (typeof value !== "number" || key === undefined) continue;
    // It was looked into by this key just now.
    (holder as Record<PropertyKey, unknown>)[key] = String(value);
  }
  return copy;
}

const at = (value: unknown, key: PropertyKey): unknown =>
  typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
