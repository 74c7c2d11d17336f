// Stops a method in its tracks, so that a test decides what happens meanwhile.

export interface Held {
  /** Resolves when the method was called. */
  reached: Promise<void>;
  /** Lets it go on. */
  release(): void;
}

/** Holds the next call of a method. @param object any, whatever its types say of it */
export function hold(object: object, method: string): Held {
  const methods = object as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const original = methods[method];
  if (!original) throw new Error(`there is no ${method}`);
  const own = Object.hasOwn(methods, method);
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  methods[method] = async (...args) => {
    if (own) methods[method] = original;
    else delete methods[method];
    reached.resolve();
    await released.promise;
    return original.apply(object, args);
  };
  return { reached: reached.promise, release: () => released.resolve() };
}
