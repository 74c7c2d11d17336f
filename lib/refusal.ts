/** An error as a part of an answer: of several things that are asked for at once, some may be refused. */
import { Errors } from "moleculer";
import { z } from "zod";
import { isVecheError, STATUS } from "./errors.ts";

export const Refusal = z.object({
  refused: z.object({
    type: z
      .string()
      .describe("one of our codes, or of Moleculer's own: SERVICE_NOT_AVAILABLE, REQUEST_TIMEOUT …"),
    code: z.int(),
    message: z.string(),
    data: z.looseObject({}),
  }),
});

export type Refusal = z.output<typeof Refusal>;

/** Whether it is the system's trouble, and not that of who asked. */
export const isOurs = (error: unknown): boolean => !isVecheError(error) || STATUS[error.type] >= 500;

/** Whether anybody foresaw it: ours, or Moleculer's. */
export const isForeseen = (error: unknown): error is Errors.MoleculerError =>
  error instanceof Errors.MoleculerError;

/** What nobody foresaw becomes INTERNAL, and is to be logged where it happened. */
export function refusalOf(error: unknown): Refusal {
  if (!isForeseen(error)) return { refused: { type: "INTERNAL", code: 500, message: "", data: {} } };
  const { type, code, message, data } = error;
  return { refused: { type, code, message, data: { ...data } } };
}

/** The same for whoever looks at its type, as all do. */
export const errorOf = ({ refused: { type, code, message, data } }: Refusal): Error =>
  new Errors.MoleculerError(message, code, type, data);
