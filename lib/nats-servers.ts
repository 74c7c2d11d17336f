/** `NATS_URL`: one server, or several with commas between. What the first says of scheme and credentials holds for all. */

export interface NatsServers {
  /** `host:port`, or `host` alone. */
  hosts: string[];
  user: string | undefined;
  password: string | undefined;
  tls: boolean;
}

/** What is wrong is said in words that don't repeat the value. */
export const NATS_URL_RULE =
  "must be nats://<user>:<password>@<host>:<port>, more hosts with commas between, all with the same credentials";

/** @returns undefined for what breaks the rule */
export function parseNatsServers(text: string): NatsServers | undefined {
  const [first, ...more] = text.split(",").map((part) => part.trim());
  const server = parse(first ?? "");
  if (!server) return undefined;
  const urls = [server];
  for (const part of more) {
    const next = parse(part.includes("://") ? part : `${server.protocol}//${part}`);
    if (
      !next ||
      (next.username && (next.username !== server.username || next.password !== server.password))
    ) {
      return undefined;
    }
    urls.push(next);
  }
  return {
    hosts: urls.map(({ host }) => host),
    user: server.username ? decodeURIComponent(server.username) : undefined,
    password: server.username ? decodeURIComponent(server.password) : undefined,
    tls: urls.some(({ protocol }) => protocol === "tls:"),
  };
}

function parse(text: string): URL | undefined {
  const url = URL.parse(text);
  if (!url || !["nats:", "tls:"].includes(url.protocol) || url.host === "") return undefined;
  return url;
}
