/** Lists of IP addresses and ranges, as `TRUST_PROXY` has one. */
import { BlockList, isIP } from "node:net";

const NAMED: Readonly<Record<string, string[]>> = {
  loopback: ["127.0.0.0/8", "::1/128"],
  linklocal: ["169.254.0.0/16", "fe80::/10"],
  uniquelocal: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
};

interface Range {
  address: string;
  prefix: number;
  family: "ipv4" | "ipv6";
}

/** @returns undefined for what is neither an address nor a CIDR range */
function parseRange(text: string): Range | undefined {
  const [address = "", prefix] = text.split("/");
  const version = isIP(address);
  const bits = version === 6 ? 128 : 32;
  const length = prefix === undefined ? bits : /^[0-9]{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (version === 0 || !(length <= bits)) return undefined;
  return { address, prefix: length, family: version === 6 ? "ipv6" : "ipv4" };
}

const isAddressOrRange = (text: string): boolean =>
  Object.hasOwn(NAMED, text) || parseRange(text) !== undefined;

/** What a list must be made of, in words. */
export const ADDRESS_LIST_RULE = `must be addresses, CIDR ranges or ${Object.keys(NAMED).join(", ")}, with commas between`;

export const isAddressList = (items: readonly string[]): boolean => items.every(isAddressOrRange);

/** @param items what `isAddressList` takes */
export function addressList(items: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of items.flatMap((item) => NAMED[item] ?? [item]).map(parseRange)) {
    if (range) list.addSubnet(range.address, range.prefix, range.family);
  }
  return list;
}
