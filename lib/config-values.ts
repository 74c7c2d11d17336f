/** How single environment variables are read, and how what is wrong with them is said. */
import { z } from "zod";

/** Every wrong variable, a line each, each naming its variable. */
export class ConfigError extends Error {
  readonly problems: string[];

  constructor(problems: string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

export const optional = <T extends z.ZodType>(schema: T) => schema.optional();

export const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^[0-9]+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`);

export const flag = z
  .enum(["true", "false", "1", "0"], "must be true or false")
  .transform((value) => value === "true" || value === "1");

/** Comma-separated; spaces around the commas don't count. */
export const list = z.string().transform((text) =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== ""),
);

/** One URL, or several with commas between (NATS, MongoDB), of one of these schemes. */
export const url = (...schemes: string[]) =>
  z
    .string()
    .refine(
      (text) => schemes.some((scheme) => text.startsWith(`${scheme}//`) && text.length > scheme.length + 2),
      `must be a URL that starts with ${schemes.map((scheme) => `${scheme}//`).join(" or ")}`,
    );

/** @throws ConfigError */
export function readVariables<T extends z.ZodObject>(
  schema: T,
  environment: Record<string, string | undefined>,
): z.output<T> {
  const given = Object.fromEntries(
    Object.keys(schema.shape)
      .map((name) => [name, environment[name]])
      .filter(([, value]) => value !== undefined && value !== ""),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  // The value is not repeated: it may be a secret.
  throw new ConfigError(
    parsed.error.issues.map((issue) => `${issue.path.join(".")} ${asSentence(issue.message)}`),
  );
}

const asSentence = (message: string) => (message.startsWith("must") ? message : `is wrong: ${message}`);
