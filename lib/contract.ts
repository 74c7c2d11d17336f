/**
 * Contracts: what an action takes and answers, written down once. From it come the check of its params, the types of
 * its callers and handlers, and its part of the OpenAPI document.
 */
import type { z } from "zod";
import type { Dialect } from "./dialects.ts";
import type { SessionId, UserId } from "./ids.ts";

/**
 * Who may call an action: anybody, a signed-in user, an administrator, or only other services.
 * The broker checks it before the handler runs, whatever door the call came through.
 */
export type Audience = "anyone" | "user" | "admin" | "services";

export interface ActionContract {
  audience: Audience;
  params: z.ZodType;
  result: z.ZodType;
  /** Running it twice is as good as once: only such actions are retried after they may have run. */
  idempotent?: boolean;
}

/** `{ "v1.users.getProfileById": { audience, params, result }, … }` of one service. */
export type Contract = Record<string, ActionContract>;

export const defineContract = <C extends Contract>(contract: C): C => contract;

export type ActionTypes<C extends Contract> = {
  [N in keyof C]: { params: z.input<C[N]["params"]>; result: z.output<C[N]["result"]> };
};

/** Every action of Veche. Each contract file adds its own by declaration merging. */
// biome-ignore lint/suspicious/noEmptyInterface: the contracts fill it
export interface Actions {}

/** Every durable event with its payload. The contract of the service that sends one adds it. */
// biome-ignore lint/suspicious/noEmptyInterface: the contracts fill it
export interface DurableEvents {}

export type ActionName = keyof Actions & string;
export type ParamsOf<N extends ActionName> = Actions[N] extends { params: infer P } ? P : never;
export type ResultOf<N extends ActionName> = Actions[N] extends { result: infer R } ? R : never;

/** Who makes a request, as the gateway found out from the access token. */
export interface Caller {
  id: UserId;
  sessionId: SessionId;
  role: Role;
}

export type Role = "user" | "admin";

/** What travels with a request through all its calls. */
export interface Meta {
  user?: Caller;
  /** Where the request came from, after `TRUST_PROXY`: the guard counts by it, and sessions show it. */
  address?: string;
  /** The client's User-Agent, at most 256 characters. */
  device?: string;
  /** Which older system's HTTP the request came in. Set by the gateway alone: it decides how long a sign-in lasts. */
  dialect?: Dialect;
}

interface CallOptions {
  /** Milliseconds; a call within a request never outlives the request's own deadline. */
  timeout?: number;
  retries?: number;
  meta?: Meta;
  /** Where it must run: what the call is about is only there. */
  nodeID?: string;
}

/** A context or a broker. */
interface CanCall {
  call(action: string, params: unknown, options?: object): Promise<unknown>;
}

/** Calls an action of another service. The only way to reach one. */
export function call<N extends ActionName>(
  from: CanCall,
  action: N,
  params: ParamsOf<N>,
  options?: CallOptions,
): Promise<ResultOf<N>> {
  // The result was made by a handler whose type is the same contract.
  return from.call(action, params, options) as Promise<ResultOf<N>>;
}
