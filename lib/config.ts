/** All configuration: environment variables, parsed and checked once. Nothing else reads `process.env`. */
import { z } from "zod";
import { ADDRESS_LIST_RULE, isAddressList } from "./address-list.ts";
import { ConfigError, flag, integer, list, optional, readVariables, url } from "./config-values.ts";
import { DIALECTS, type Dialect, isDialect } from "./dialects.ts";
import { NATS_URL_RULE, parseNatsServers } from "./nats-servers.ts";

/** The variables, in the order of the README's table. An empty one counts as absent. */
export const Variables = z.object({
  NODE_ENV: z.enum(["development", "production", "test"]).default("development"),
  HOST: optional(z.string()),
  PORT: integer(0, 65_535).default(3000),
  HEALTH_PORT: optional(integer(0, 65_535)),
  DATA_DIR: optional(z.string()),
  DATA_FSYNC: flag.default(false),
  LOG_LEVEL: optional(z.enum(["fatal", "error", "warn", "info", "debug", "trace"])),

  SERVICES: list.default([]),
  NAMESPACE: z
    .string()
    .regex(/^[a-zA-Z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, _ or -")
    .default("veche"),
  NODE_ID: optional(z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/, "must be letters, digits, _ or -")),
  NATS_URL: optional(
    url("nats:", "tls:").refine((text) => parseNatsServers(text) !== undefined, NATS_URL_RULE),
  ),
  NATS_CREDS_FILE: optional(z.string()),
  NATS_TLS_CA: optional(z.string()),
  NATS_TLS_CERT: optional(z.string()),
  NATS_TLS_KEY: optional(z.string()),
  STREAM_REPLICAS: optional(integer(1, 5)),
  MONGO_URL: optional(url("mongodb:", "mongodb+srv:")),
  REDIS_URL: optional(url("redis:", "rediss:")),

  JWT_SECRET: optional(
    z.string().min(32, "must have 32 characters or more; `openssl rand -hex 32` makes one"),
  ),
  JWT_KEYS_DIR: optional(z.string()),
  REFRESH_SECRET: optional(
    z.string().min(32, "must have 32 characters or more; `openssl rand -hex 32` makes one"),
  ),
  REFRESH_SECRET_PREVIOUS: optional(z.string().min(32, "must have 32 characters or more")),
  ACCESS_TOKEN_TTL_S: integer(1, 86_400).default(900),
  SESSION_TTL_S: integer(60, 31_536_000).default(2_592_000),
  REFRESH_GRACE_S: integer(1, 300).default(30),
  BCRYPT_COST: integer(4, 16).default(12),
  SIGN_IN_FREE_FAILURES: integer(1, 1_000_000).default(5),
  SIGN_IN_MAX_FAILURES: integer(2, 1_000_000).default(20),
  SIGN_IN_ADDRESS_MAX_FAILURES: integer(2, 1_000_000).default(200),
  SIGN_IN_LOCK_S: integer(1, 86_400).default(900),
  REGISTRATIONS_PER_ADDRESS_PER_HOUR: integer(1, 1_000_000).default(100),

  FRIEND_REQUEST_AGAIN_S: integer(0, 31_536_000).default(86_400),
  GCS_BUCKET: optional(
    z.string().regex(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, "must be the name of a bucket"),
  ),
  STORAGE_EMULATOR_HOST: optional(url("http:", "https:")),
  PHOTO_MAX_BYTES: integer(1_024, 104_857_600).default(10_485_760),
  PHOTO_MAX_PIXELS: integer(1, 268_402_689).default(50_000_000),
  PHOTO_URL_TTL_S: integer(60, 604_800).default(3_600),
  UPLOAD_TIMEOUT_MS: integer(100, 110_000).default(100_000),

  TRUST_PROXY: list.refine(isAddressList, ADDRESS_LIST_RULE).default([]),
  CORS_ORIGIN: list.default([]),
  PUBLIC_URL: optional(url("http:", "https:")),
  API_DIALECTS: list
    .transform((names) => (names.length === 1 && names[0] === "none" ? [] : names))
    .refine(
      (names): names is Dialect[] => names.every(isDialect),
      `must be some of ${DIALECTS.join(", ")}, with commas between, or none`,
    )
    .default([...DIALECTS]),
  REQUEST_TIMEOUT_MS: integer(100, 120_000).default(5_000),
  DRAIN_DELAY_MS: integer(0, 120_000).default(0),
  SHUTDOWN_TIMEOUT_MS: integer(100, 300_000).default(10_000),
  REVOCATION_EVENTS: flag.default(true),
  CACHE_TTL_S: integer(1, 3_600).default(30),
  SWEEP_INTERVAL_MS: integer(50, 3_600_000).default(30_000),
  STALE_AFTER_MS: integer(50, 3_600_000).default(60_000),
});

type Environment = Record<string, string | undefined>;
type Parsed = z.output<typeof Variables>;

/** How a process runs. Times are in the unit that their name ends in. */
export interface Config extends Omit<Parsed, "HOST" | "LOG_LEVEL"> {
  /** Nothing is kept where absent: under test only. */
  DATA_DIR?: string;
  HOST: string;
  LOG_LEVEL: NonNullable<Parsed["LOG_LEVEL"]>;
  /** Several processes over NATS, not one by itself. */
  cluster: boolean;
}

/** Services that keep nothing, and so need no database. */
const STATELESS = new Set(["api"]);

/** Services that sign with `REFRESH_SECRET`: refresh tokens, and the URLs of photos in what they answer. */
const SIGNING = ["session", "users", "photo", "posts"];

/**
 * @param environment usually `process.env`
 * @param guest a process of the cluster, or one with its database, that runs no service, and so needs no secrets
 * @throws ConfigError with one line for each wrong variable, all of them at once
 */
export function loadConfig(environment: Environment, guest = false): Config {
  const parsed = readVariables(Variables, environment);
  const cluster = parsed.NATS_URL !== undefined;
  const needs = cluster ? clusterProblems(parsed) : signingProblems(parsed);
  const problems = guest && (cluster || parsed.MONGO_URL) ? [] : needs;
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    ...parsed,
    cluster,
    DATA_DIR: parsed.DATA_DIR ?? (parsed.NODE_ENV === "test" ? undefined : "./data"),
    HOST: parsed.HOST ?? (cluster ? "0.0.0.0" : "127.0.0.1"),
    // On a laptop the terminal belongs to the one who typed `npm start`.
    LOG_LEVEL: parsed.LOG_LEVEL ?? (cluster ? "info" : "warn"),
  };
}

function clusterProblems(parsed: Parsed): string[] {
  const problems: string[] = [];
  const runs = (service: string) => parsed.SERVICES.length === 0 || parsed.SERVICES.includes(service);
  const stateful = parsed.SERVICES.length === 0 || parsed.SERVICES.some((name) => !STATELESS.has(name));
  if (stateful && !parsed.MONGO_URL) {
    problems.push(
      "MONGO_URL is needed with NATS_URL: processes of a cluster share one database (a process with SERVICES=api needs none)",
    );
  }
  if ((runs("auth") || runs("api")) && !parsed.JWT_SECRET && !parsed.JWT_KEYS_DIR) {
    problems.push(
      "JWT_SECRET or JWT_KEYS_DIR is needed with NATS_URL: all processes must sign and check alike",
    );
  }
  if (SIGNING.some(runs) && !parsed.REFRESH_SECRET) {
    problems.push(
      "REFRESH_SECRET is needed with NATS_URL: all processes must sign refresh tokens, and URLs of photos, alike",
    );
  }
  return problems;
}

function signingProblems(parsed: Parsed): string[] {
  if (parsed.NODE_ENV !== "production" || parsed.NATS_URL || parsed.JWT_SECRET || parsed.JWT_KEYS_DIR)
    return [];
  return ["JWT_SECRET (32 characters or more) or JWT_KEYS_DIR is needed in production"];
}

export { ConfigError };
