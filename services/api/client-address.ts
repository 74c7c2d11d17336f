/** Which address a request came from, behind the proxies that `TRUST_PROXY` names. */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { addressList } from "../../lib/address-list.ts";

export type ClientAddress = (req: IncomingMessage) => string;

/**
 * @param trusted addresses, CIDR ranges, `loopback`, `linklocal`, `uniquelocal`
 * @returns the right-most address of `X-Forwarded-For` that no trusted proxy has. Each proxy appends who spoke to it,
 *   so what stands further left may be the client's invention.
 */
export function clientAddressBehind(trusted: readonly string[]): ClientAddress {
  const proxies = addressList(trusted);
  const isTrusted = (address: string) => proxies.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

  return ({ socket, headers }) => {
    const peer = plainAddress(socket.remoteAddress ?? "");
    const forwarded = headers["x-forwarded-for"];
    if (trusted.length === 0 || forwarded === undefined || peer === "" || !isTrusted(peer)) return peer;
    let client = peer;
    for (const hop of String(forwarded).split(",").reverse()) {
      const address = plainAddress(withoutPort(hop.trim()));
      // Who wrote this is not known, so neither is what stands left of it: believe the last good one.
      if (address === "") break;
      client = address;
      if (!isTrusted(address)) break;
    }
    return client;
  };
}

/** IPv4 that came in by an IPv6 socket is shown as IPv4; a zone says nothing outside its host. Empty for no address. */
function plainAddress(text: string): string {
  const address = text.replace(/^::ffff:(?=[0-9.]+$)/i, "").replace(/%.*$/, "");
  return isIP(address) === 0 ? "" : address;
}

const withoutPort = (hop: string): string =>
  /^\[([^\]]*)\](?::[0-9]+)?$/.exec(hop)?.[1] ?? /^([0-9.]+):[0-9]+$/.exec(hop)?.[1] ?? hop;
