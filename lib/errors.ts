/** The one family of errors, named as gRPC names them. Thrown where they are known, mapped once at each door. */
import { Errors } from "moleculer";

/** HTTP status of each code. */
export const STATUS = {
  INVALID_ARGUMENT: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  FAILED_PRECONDITION: 412,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
} as const;

export type ErrorCode = keyof typeof STATUS;

/** What is wrong with one field: `path` is dotted (`profile.birthday`), empty for the whole. */
export interface FieldError {
  path: string;
  message: string;
}

/** What an error may tell besides its code and sentence. All of it reaches the client. */
export interface ErrorDetails {
  errors?: FieldError[];
  /** Seconds after which trying again makes sense. */
  retry_after?: number;
  [key: string]: unknown;
}

/**
 * Crosses process borders as Moleculer carries its own errors: `type` is our code, `code` the HTTP status, `data`
 * the details. So `isVecheError` looks at the type, never at the class.
 */
export class VecheError extends Errors.MoleculerError {
  declare type: ErrorCode;
  declare data: ErrorDetails;

  constructor(type: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, STATUS[type], type, details);
    this.name = "VecheError";
  }
}

export const invalidArgument = (message: string, errors: FieldError[] = []) =>
  new VecheError("INVALID_ARGUMENT", message, errors.length > 0 ? { errors } : {});
export const unauthenticated = (message = "Sign in first.") => new VecheError("UNAUTHENTICATED", message);
export const permissionDenied = (message: string) => new VecheError("PERMISSION_DENIED", message);
export const notFound = (message: string) => new VecheError("NOT_FOUND", message);
export const alreadyExists = (message: string, details: ErrorDetails = {}) =>
  new VecheError("ALREADY_EXISTS", message, details);
export const failedPrecondition = (message: string) => new VecheError("FAILED_PRECONDITION", message);
/** @param retryAfter seconds */
export const resourceExhausted = (message: string, retryAfter: number) =>
  new VecheError("RESOURCE_EXHAUSTED", message, { retry_after: Math.max(1, Math.ceil(retryAfter)) });
export const unavailable = (message = "This part is not available now. Try again shortly.") =>
  new VecheError("UNAVAILABLE", message, { retry_after: 1 });

export function isVecheError(error: unknown): error is VecheError {
  const type = (error as { type?: unknown } | null)?.type;
  return typeof type === "string" && Object.hasOwn(STATUS, type);
}

export const hasCode = (error: unknown, code: ErrorCode): boolean =>
  isVecheError(error) && error.type === code;

/** A unique index refused a document. `index` is the name of the collection's index, `_id` for the primary key. */
export class DuplicateKey extends Error {
  readonly index: string;

  constructor(index: string) {
    super(`duplicate key in index ${index}`);
    this.name = "DuplicateKey";
    this.index = index;
  }
}
