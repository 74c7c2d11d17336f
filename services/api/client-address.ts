/** Which address a request came from, behind the proxies that `TRUST_PROXY` names. */
import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";

const NAMED: Readonly<Record<string, string[]>> = {
  loopback: ["127.0.0.0/8", "::1/128"],
  linklocal: ["169.254.0.0/16", "fe80::/10"],
  uniquelocal: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
};

export type ClientAddress = (req: IncomingMessage) => string;

/**
 * @param trusted addresses, CIDR ranges, `loopback`, `linklocal`, `uniquelocal`
 * @returns the right-most address of `X-Forwarded-For` that no trusted proxy has. Each proxy appends who spoke to it,
 *   so what stands further left may be the client's invention.
 * @throws Error that names what is wrong in the list
 */
export function clientAddressBehind(trusted: readonly string[]): ClientAddress {
  const proxies = blockListOf(trusted);
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

function blockListOf(trusted: readonly string[]): BlockList {
  const list = new BlockList();
  for (const item of trusted.flatMap((name) => NAMED[name] ?? [name])) {
    const [address = "", prefix] = item.split("/");
    const family = isIP(address);
    const bits = family === 6 ? 128 : 32;
    const length = prefix === undefined ? bits : /^[0-9]{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (family === 0 || !(length <= bits)) {
      throw new Error(
        `TRUST_PROXY: ${item} is neither an address, a CIDR range nor one of ${Object.keys(NAMED)}`,
      );
    }
    list.addSubnet(address, length, family === 6 ? "ipv6" : "ipv4");
  }
  return list;
}

/** IPv4 that came in by an IPv6 socket is shown as IPv4; a zone says nothing outside its host. Empty for no address. */
function plainAddress(text: string): string {
  const address = text.replace(/^::ffff:(?=[0-9.]+$)/i, "").replace(/%.*$/, "");
  return isIP(address) === 0 ? "" : address;
}

const withoutPort = (hop: string): string =>
  /^\[([^\]]*)\](?::[0-9]+)?$/.exec(hop)?.[1] ?? /^([0-9.]+):[0-9]+$/.exec(hop)?.[1] ?? hop;
