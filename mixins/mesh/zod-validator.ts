/** Checks the params of actions against the Zod schemas of their contracts, and hands the parsed ones to the handler. */
import { type ActionSchema, type Context, type ServiceBroker, Validators } from "moleculer";
import type { z } from "zod";
import { type FieldError, invalidArgument } from "../../lib/errors.ts";

type Next = (ctx: Context) => Promise<unknown>;

/** Moleculer's own actions (`$node.list` …) have schemas of its built-in validator, which goes on to check those. */
export class ZodValidator extends Validators.Fastest {
  override middleware(broker: ServiceBroker) {
    const builtIn = super.middleware(broker);
    const builtInAction = builtIn.localAction as (next: Next, action: ActionSchema) => Next;
    return {
      ...builtIn,
      name: "ZodValidator",
      localAction(next: Next, action: ActionSchema): Next {
        const schemaOf: unknown = action.params?.zod;
        if (typeof schemaOf !== "function") return builtInAction.call(broker, next, action);
        const schema = schemaOf() as z.ZodType;
        return (ctx) => {
          const parsed = schema.safeParse(ctx.params ?? {});
          if (!parsed.success) return Promise.reject(refusal(parsed.error));
          ctx.params = parsed.data;
          return next(ctx);
        };
      },
    };
  }
}

function refusal(error: z.ZodError) {
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
