/** Checks the params of actions against the Zod schemas of their contracts, and hands the parsed ones to the handler. */
import { type ActionSchema, type Context, type Middleware, type ServiceBroker, Validators } from "moleculer";
import type { z } from "zod";
import { type FieldError, invalidArgument } from "../../lib/errors.ts";
import { isFromConsole, withTexts } from "./console.ts";

type Next = (ctx: Context) => Promise<unknown>;

const schemaOf = ({ params }: ActionSchema): z.ZodType | undefined =>
  typeof params?.zod === "function" ? (params.zod() as z.ZodType) : undefined;

/** Leaves actions that have a Zod schema alone; Moleculer's own (`$node.list` …) have schemas of its built-in validator. */
export class BuiltInValidator extends Validators.Fastest {
  override middleware(broker: ServiceBroker) {
    const builtIn = super.middleware(broker);
    const check = builtIn.localAction as (next: Next, action: ActionSchema) => Next;
    return {
      ...builtIn,
      localAction: (next: Next, action: ActionSchema) =>
        schemaOf(action) ? next : check.call(broker, next, action),
    };
  }
}

/** Comes before the cache, so that answers are cached under the parsed params: `7` and `0000000000000007` are one id. */
export const checkParams: Middleware = {
  name: "CheckParams",
  localAction(next: Next, action: ActionSchema): Next {
    const schema = schemaOf(action);
    if (!schema) return next;
    return (ctx) => {
      const params = ctx.params ?? {};
      let parsed = schema.safeParse(params);
      if (!parsed.success && isFromConsole(ctx)) parsed = schema.safeParse(withTexts(params, parsed.error));
      if (!parsed.success) return Promise.reject(refusal(parsed.error));
      ctx.params = parsed.data;
      return next(ctx);
    };
  },
};

/** Names what is wrong, field by field. */
export function refusal(error: z.ZodError) {
  const errors = error.issues.flatMap(fieldErrors);
  const sentence = errors.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("; ");
  return invalidArgument(sentence, errors);
}

/** An unknown field is named as the field that is wrong, not as a fault of the object around it. */
function fieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key].join("."), message: "unknown field" }));
  }
  return [{ path: path.join("."), message: issue.message }];
}
