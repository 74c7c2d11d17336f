// Requests a second of two routes, as ratios to a bare moleculer-web route and to bare node:http.
import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import autocannon from "autocannon";
import { median, startTarget, stopTarget, type Target } from "./target.ts";

const CONNECTIONS = 32;
const ROUNDS = 5;
const SECONDS = 2;

interface Measurement {
  /** Requests a second. */
  rate: number;
  /** Milliseconds. */
  p99: number;
}

interface Measured {
  name: string;
  run(): Promise<Measurement>;
}

/** All targets take turns, so that whatever else the machine does falls on all of them. */
export async function httpBench(): Promise<void> {
  const targets: Target[] = [];
  for (const name of ["bare-http", "bare-moleculer-web", "veche"]) targets.push(await startTarget(name));
  const [http, web, veche] = targets as [Target, Target, Target];
  try {
    const tokens = await signUp(veche.url, CONNECTIONS);
    const refreshTokens = tokens.map((token) => token.refresh);
    const measured: Measured[] = [
      { name: "node:http", run: () => load(`${http.url}/v1/me`) },
      { name: "moleculer-web", run: () => load(`${web.url}/v1/me`) },
      {
        name: "GET /v1/me",
        run: () => load(`${veche.url}/v1/me`, { authorization: `Bearer ${tokens[0]?.access}` }),
      },
      {
        name: "POST /v1/refresh",
        run: () => refreshLoad(veche.url, refreshTokens),
      },
    ];
    const rates = new Map<string, number[]>(measured.map(({ name }) => [name, []]));
    const latencies = new Map<string, number>();
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const { name, run } of measured) {
        const { rate, p99 } = await run();
        // The first round warms up.
        if (round > 0) rates.get(name)?.push(rate);
        latencies.set(name, p99);
      }
      process.stderr.write(`round ${round} of ${ROUNDS}\r`);
    }
    report(rates, latencies);
  } finally {
    await Promise.all(targets.map(stopTarget));
  }
}

function report(rates: Map<string, number[]>, latencies: Map<string, number>): void {
  const rate = (name: string) => median(rates.get(name) ?? []);
  console.log(`\n${CONNECTIONS} connections, median of ${ROUNDS} rounds of ${SECONDS} s in turns`);
  console.table(
    [...rates.keys()].map((name) => ({
      what: name,
      "requests/s": Math.round(rate(name)),
      "of moleculer-web": (rate(name) / rate("moleculer-web")).toFixed(2),
      "of node:http": (rate(name) / rate("node:http")).toFixed(2),
      "p99 ms": latencies.get(name),
    })),
  );
}

async function load(url: string, headers: Record<string, string> = {}): Promise<Measurement> {
  const result = await autocannon({ url, headers, connections: CONNECTIONS, duration: SECONDS });
  if (result.non2xx > 0 || result.errors > 0) {
    throw new Error(`${url}: ${result.non2xx} refusals and ${result.errors} errors`);
  }
  return { rate: result.requests.average, p99: result.latency.p99 };
}

/** Each connection carries its own session on: every request has the token of the answer before. */
async function refreshLoad(url: string, tokens: string[]): Promise<Measurement> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const latencies: number[] = [];
  const until = performance.now() + SECONDS * 1_000;
  await Promise.all(
    tokens.map(async (_, session) => {
      while (performance.now() < until) {
        const before = performance.now();
        tokens[session] = await refresh(agent, url, tokens[session] ?? "");
        latencies.push(performance.now() - before);
      }
    }),
  );
  agent.destroy();
  const p99 = latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * 0.99)] ?? 0;
  return { rate: latencies.length / SECONDS, p99: Math.round(p99) };
}

async function refresh(agent: Agent, url: string, refresh_token: string): Promise<string> {
  const req = httpRequest(`${url}/v1/refresh`, {
    agent,
    method: "POST",
    headers: { "content-type": "application/json" },
  });
  req.end(JSON.stringify({ refresh_token }));
  const [res] = (await once(req, "response")) as [IncomingMessage];
  const answer = JSON.parse(await text(res)) as Record<string, string>;
  if (res.statusCode !== 200)
    throw new Error(`refresh answered ${res.statusCode}: ${JSON.stringify(answer)}`);
  return answer.refresh_token ?? "";
}

async function signUp(url: string, count: number) {
  const tokens: { access: string; refresh: string }[] = [];
  for (let i = 0; i < count; i += 1) {
    const answer = await fetch(`${url}/v1/register`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: `user${i}@example.com`, password: "correct horse" }),
    });
    const { access_token, refresh_token } = (await answer.json()) as Record<string, string>;
    tokens.push({ access: String(access_token), refresh: String(refresh_token) });
  }
  return tokens;
}
