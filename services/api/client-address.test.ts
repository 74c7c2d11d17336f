/** Only what a trusted proxy says about its peer is believed. */
import type { IncomingMessage } from "node:http";
import { expect, test } from "@jest/globals";
import { clientAddressBehind } from "./client-address.ts";

const request = (remoteAddress: string, forwarded?: string) =>
  ({ socket: { remoteAddress }, headers: { "x-forwarded-for": forwarded } }) as unknown as IncomingMessage;

test.each<[string, string[], string, string | undefined, string]>([
  ["nobody is trusted by default", [], "10.0.0.1", "1.1.1.1", "10.0.0.1"],
  ["a stranger's header counts for nothing", ["10.0.0.1"], "9.9.9.9", "1.1.1.1", "9.9.9.9"],
  ["a trusted proxy's does", ["10.0.0.1"], "10.0.0.1", "1.1.1.1", "1.1.1.1"],
  ["what the client put before it does not", ["10.0.0.1"], "10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"],
  [
    "a chain of proxies is walked from the right",
    ["10.0.0.0/8"],
    "10.0.0.1",
    "6.6.6.6, 1.1.1.1, 10.2.3.4",
    "1.1.1.1",
  ],
  ["a chain of only proxies ends at its first", ["10.0.0.0/8"], "10.0.0.1", "10.0.0.9, 10.2.3.4", "10.0.0.9"],
  ["garbage ends the walk", ["10.0.0.0/8"], "10.0.0.1", "1.1.1.1, <script>, 10.2.3.4", "10.2.3.4"],
  ["an empty header changes nothing", ["10.0.0.1"], "10.0.0.1", "", "10.0.0.1"],
  ["loopback by name", ["loopback"], "::1", "1.1.1.1", "1.1.1.1"],
  ["IPv4 in IPv6 is the IPv4", ["loopback"], "::ffff:127.0.0.1", "::ffff:1.1.1.1", "1.1.1.1"],
  ["ports go away", ["loopback"], "127.0.0.1", "[2001:db8::1]:443", "2001:db8::1"],
  ["of IPv4 too", ["loopback"], "127.0.0.1", "1.1.1.1:5000", "1.1.1.1"],
  ["IPv6 ranges", ["2001:db8::/32"], "2001:db8::5", "1.1.1.1", "1.1.1.1"],
])("%s", (_, trusted, peer, forwarded, address) => {
  expect(clientAddressBehind(trusted)(request(peer, forwarded))).toBe(address);
});
