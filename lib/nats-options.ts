/** How every connection to NATS is made: the transporter's, the durable events' and the realtime bus's. */
import { readFileSync } from "node:fs";
import { type ConnectionOptions, credsAuthenticator } from "nats";
import type { Config } from "./config.ts";
import { NATS_URL_RULE, parseNatsServers } from "./nats-servers.ts";

/** Reconnects for ever, and waits for a server that is not there yet. @throws where `NATS_URL` is not set */
export function natsOptions(config: Config, name: string): ConnectionOptions {
  if (!config.NATS_URL) throw new Error("NATS_URL is not set");
  const servers = parseNatsServers(config.NATS_URL);
  if (!servers) throw new Error(`NATS_URL ${NATS_URL_RULE}`);
  const { NATS_CREDS_FILE, NATS_TLS_CA, NATS_TLS_CERT, NATS_TLS_KEY } = config;
  const tls = NATS_TLS_CA || NATS_TLS_CERT || servers.tls;
  return {
    name,
    servers: servers.hosts,
    ...(servers.user === undefined ? {} : { user: servers.user, pass: servers.password }),
    ...(NATS_CREDS_FILE ? { authenticator: credsAuthenticator(readFileSync(NATS_CREDS_FILE)) } : {}),
    ...(tls ? { tls: { caFile: NATS_TLS_CA, certFile: NATS_TLS_CERT, keyFile: NATS_TLS_KEY } } : {}),
    waitOnFirstConnect: true,
    // A password that is being changed is refused for a while, which is no reason to give up for ever.
    ignoreAuthErrorAbort: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    // A server that vanished without a word is noticed within four seconds.
    pingInterval: 2_000,
    maxPingOut: 2,
    timeout: 2_000,
  };
}
