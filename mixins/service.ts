/** A service's schema whose lifecycle knows the type of `this`. */
import type { Service, ServiceActions, ServiceSchema } from "moleculer";

export interface ServiceDefinition<S> {
  name: string;
  /** None for what is not part of the versioned API. */
  version?: number;
  mixins?: Partial<ServiceSchema>[];
  metadata?: {
    /** Full names of the services without which this one is not ready: `v1.users`. */
    needs?: string[];
  };
  settings?: Record<string, unknown>;
  actions?: ServiceActions;
  /** Durable events, as `consume` makes them. */
  channels?: Record<string, object>;
  events?: Record<string, (this: S, ctx: never) => unknown>;
  methods?: Record<string, (this: S, ...args: never[]) => unknown>;
  created?(this: S): void;
  started?(this: S): Promise<void>;
  stopped?(this: S): Promise<void>;
}

export const defineService = <S = Service>(definition: ServiceDefinition<S>): ServiceSchema =>
  definition as ServiceSchema;
