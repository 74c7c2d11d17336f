/** Finds the alias of a request: by one look-up where the path has no params, else by trying those that have. */

/** What of moleculer-web's alias this needs. */
export interface Alias {
  method: string;
  fullPath: string;
  match(path: string): Record<string, string> | false;
}

export interface Found<A extends Alias> {
  alias: A;
  params: Record<string, string>;
}

export class Router<A extends Alias> {
  /** path → method → alias */
  readonly #fixed = new Map<string, Map<string, A>>();
  readonly #patterns: A[];

  constructor(aliases: readonly A[]) {
    this.#patterns = aliases.filter(({ fullPath }) => fullPath.includes(":"));
    for (const alias of aliases) {
      if (alias.fullPath.includes(":")) continue;
      const methods = this.#fixed.get(alias.fullPath) ?? new Map<string, A>();
      this.#fixed.set(alias.fullPath, methods.set(alias.method, alias));
    }
  }

  /** A fixed path beats one with params. HEAD is answered as GET, without the body. */
  find(method: string, path: string): Found<A> | undefined {
    const wanted = method === "HEAD" ? "GET" : method;
    const fixed = this.#fixed.get(path)?.get(wanted);
    if (fixed) return { alias: fixed, params: {} };
    for (const alias of this.#patterns) {
      if (alias.method !== wanted) continue;
      const params = alias.match(path);
      if (params) return { alias, params };
    }
    return undefined;
  }

  /** The methods a path has, for `Allow`; none where there is no such path. */
  methodsOf(path: string): string[] {
    const methods = new Set(this.#fixed.get(path)?.keys());
    for (const alias of this.#patterns) if (alias.match(path)) methods.add(alias.method);
    if (methods.has("GET")) methods.add("HEAD");
    if (methods.size > 0) methods.add("OPTIONS");
    return [...methods].sort();
  }
}
