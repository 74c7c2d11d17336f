/** The Moleculer mixin that opens a service's collections when it starts and closes them when it stops. */
import type { Service, ServiceSchema } from "moleculer";
import { unavailable } from "../../lib/errors.ts";
import { runtimeOf } from "../runtime.ts";
import type { Collection, CollectionDefinition, OpenCollection } from "./definition.ts";
import type { Document } from "./document.ts";
import { openCollection } from "./open.ts";

type Definitions = Record<string, CollectionDefinition>;

/** The opened collections, by the names of their definitions. */
export type Collections<T> = {
  [N in keyof T]: T[N] extends CollectionDefinition<infer D> ? Collection<D> : never;
};

/** A service with the mixin: `this` of its handlers. `type AuthService = WithCollections<typeof definitions>`. */
export type WithCollections<T> = Service & { collections: Collections<T> };

interface Opening {
  abort: AbortController;
  opened: OpenCollection<Document>[];
}

/** Of each started service. Not on the service: Moleculer's inspection of services should not find a database in it. */
const openings = new WeakMap<Service, Opening>();

/**
 * Options come from the broker's runtime. The collections are there, as
 * `this.collections.<name>`, from the service's own `started` on. A start waits until the database answers; stopping the
 * service ends that, and then the start rejects with UNAVAILABLE.
 */
export function collections<const T extends Definitions>(definitions: T): Partial<ServiceSchema> {
  return {
    async started(this: Service) {
      await open(this as WithCollections<T>, definitions);
    },
    async stopped(this: Service) {
      const opening = openings.get(this);
      openings.delete(this);
      opening?.abort.abort(unavailable());
      await Promise.all(opening?.opened.map((collection) => collection.close()) ?? []);
    },
  };
}

async function open<T extends Definitions>(service: WithCollections<T>, definitions: T): Promise<void> {
  const options = runtimeOf(service.broker).database;
  const opening: Opening = { abort: new AbortController(), opened: [] };
  openings.set(service, opening);
  const { signal } = opening.abort;
  const collections: Record<string, unknown> = {};
  try {
    for (const [name, definition] of Object.entries(definitions)) {
      const collection = await openCollection<Document>(definition, options, service.logger, signal);
      opening.opened.push(collection);
      collections[name] = collection;
      signal.throwIfAborted();
    }
  } catch (error) {
    await Promise.all(opening.opened.map((collection) => collection.close()));
    throw error;
  }
  service.collections = collections as Collections<T>;
}
