// Uploads of 5 MiB, as a ratio to a plain node:http server that writes the same bytes to a file.
import { readFileSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { text } from "node:stream/consumers";
import sharp from "sharp";
import { median, startTarget, stopTarget, type Target } from "./target.ts";

const SIZE = 5 * 1024 * 1024;
const ROUNDS = 9;
const UPLOADS = 40;
const CONNECTIONS = 4;

/** All take turns, so that whatever else the machine does falls on all of them. */
export async function uploadBench(): Promise<void> {
  const targets: Target[] = [];
  for (const name of ["bare-upload", "veche"]) targets.push(await startTarget(name));
  const [bare, veche] = targets as [Target, Target];
  let watching: NodeJS.Timeout | undefined;
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  try {
    const tokens: string[] = [];
    for (let i = 0; i < CONNECTIONS; i += 1) tokens.push(await signUp(veche.url, i));
    const photo = await largePhoto();
    const cheap = await cheapImage();
    const measured = [
      { name: "node:http to a file", url: bare.url, image: cheap },
      { name: "POST /v1/me/photos, next to no pixels", url: veche.url, image: cheap },
      { name: "POST /v1/me/photos, 12 megapixels", url: veche.url, image: photo },
    ];
    const rates = new Map<string, number[]>(measured.map(({ name }) => [name, []]));
    const idle = memoryOf(veche);
    let peak = idle;
    watching = setInterval(() => {
      peak = Math.max(peak, memoryOf(veche));
    }, 20);
    for (let round = 0; round <= ROUNDS; round += 1) {
      for (const { name, url, image } of measured) {
        const count = image === photo ? CONNECTIONS : UPLOADS;
        const from = performance.now();
        let left = count;
        const send = async (token: string) => {
          while (left-- > 0) await upload(agent, `${url}/v1/me/photos`, token, image);
        };
        await Promise.all(tokens.map(send));
        // The first round warms up.
        if (round > 0) rates.get(name)?.push((count * image.length) / (performance.now() - from) / 1048.576);
      }
      process.stderr.write(`round ${round} of ${ROUNDS}\r`);
    }
    report(rates, `${Math.round(peak - idle)} MiB above the ${Math.round(idle)} it began with`);
  } finally {
    clearInterval(watching);
    agent.destroy();
    await Promise.all(targets.map(stopTarget));
  }
}

function report(rates: Map<string, number[]>, memory: string): void {
  const [reference = ""] = rates.keys();
  const rate = (name: string) => median(rates.get(name) ?? []);
  // Of each round, since what else the machine does may change from one to the next.
  const ratio = (name: string) =>
    median((rates.get(name) ?? []).map((each, i) => each / (rates.get(reference)?.[i] ?? Number.NaN)));
  console.log(
    `\n5 MiB files on ${CONNECTIONS} connections, median of ${ROUNDS} rounds in turns; Veche's memory: ${memory}`,
  );
  console.table(
    [...rates.keys()].map((name) => ({
      what: name,
      "MiB/s": rate(name).toFixed(1),
      "of node:http": ratio(name).toFixed(2),
    })),
  );
}

/** Whose pixels take no time, so that what is measured is the way of the bytes: the rest is behind its end, and is thrown away. */
const cheapImage = async () => Buffer.concat([await noise(16, 16, 80)], SIZE);

const largePhoto = () => noise(4_000, 3_000, 75);

const noise = (width: number, height: number, quality: number) =>
  sharp({
    create: {
      ...{ width, height, channels: 3, background: "#888" },
      noise: { type: "gaussian", mean: 128, sigma: 30 },
    },
  })
    .jpeg({ quality })
    .toBuffer();

const memoryOf = ({ child }: Target): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024;

const BOUNDARY = "veche-bench";

async function upload(agent: Agent, url: string, token: string, image: Buffer): Promise<void> {
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), image, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
  const outgoing = httpRequest(url, {
    agent,
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": `multipart/form-data; boundary=${BOUNDARY}`,
      "content-length": body.length,
    },
  });
  await new Promise<void>((resolve, reject) => {
    outgoing.on("error", reject).on("response", (answer) => {
      text(answer).then((said) => {
        if (answer.statusCode === 201) resolve();
        else reject(new Error(`upload answered ${answer.statusCode}: ${said}`));
      }, reject);
    });
    outgoing.end(body);
  });
}

async function signUp(url: string, i: number): Promise<string> {
  const answer = await fetch(`${url}/v1/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: `up${i}@example.com`, password: "correct horse" }),
  });
  return String(((await answer.json()) as Record<string, string>).access_token);
}
