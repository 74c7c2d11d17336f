// What is told of an image that the decoder can't make anything of, and what of a machine on which it can't work.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import sharp from "sharp";
import type { UserId } from "../../../lib/ids.ts";
import { eventually } from "../../../test/servers/eventually.ts";
import { jpeg, noise } from "../../../test/support/images.ts";
import { Decoder } from "./decoder.ts";
import type { Format } from "./images.ts";

const ANN = "0000000000000001" as UserId;
const { signal: stays } = new AbortController();

let directory: string;
let warnings: string[];
let decoders: Decoder[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "veche-decoder-"));
  warnings = [];
  decoders = [];
});
afterEach(() => {
  for (const decoder of decoders) decoder.close();
  rmSync(directory, { recursive: true, force: true });
});

const path = (name: string) => join(directory, name);
const decoderWith = (options: ConstructorParameters<typeof Decoder>[1] = {}) => {
  const decoder = new Decoder((message) => warnings.push(message), options);
  decoders.push(decoder);
  return decoder;
};
const work = (more: { source?: string; full?: string; thumb?: string; format?: Format } = {}) => {
  const paths = { source: path("source"), full: path("full"), thumb: path("thumb") };
  return { ...paths, format: "jpeg" as const, maxPixels: 50_000_000, ...more };
};
/** A decoder of another kind: a program of these lines. */
const program = (lines: string) => {
  writeFileSync(path("program.mjs"), `import fs from "node:fs"; ${lines}`);
  return path("program.mjs");
};
const DECODED = { format: "jpeg", width: 1, height: 1, full_bytes: 1, thumb_bytes: 1 } as const;

test("a disk that is full is not the image's fault, whatever its format", async () => {
  const decoder = decoderWith();
  for (const format of ["jpeg", "png", "webp", "gif"] as const) {
    writeFileSync(path("source"), await noise(400, 300).toFormat(format).toBuffer());
    for (const full of [{ full: "/dev/full" }, { thumb: "/dev/full" }]) {
      const asked = decoder.decode(work({ format, ...full }), ANN, stays);
      await expect(asked).rejects.toMatchObject({ type: "UNAVAILABLE" });
    }
    expect(await decoder.decode(work({ format }), ANN, stays)).toMatchObject({ format, width: 400 });
  }
  const nothing = decoder.decode(work({ source: path("nothing") }), ANN, stays);
  await expect(nothing).rejects.toMatchObject({ type: "UNAVAILABLE" });
  expect(warnings).toContain("The decoder can't work: system error: No space left on device");
});

test("one that can't be started is not either", async () => {
  for (const options of [{ node: path("nothing") }, { program: program("process.exit(1)") }]) {
    const asked = decoderWith(options).decode(work(), ANN, stays);
    await expect(asked).rejects.toMatchObject({ type: "UNAVAILABLE" });
  }
  expect(warnings).toHaveLength(2);
});

test("one that is killed from outside begins again, once", async () => {
  const kill = 'process.kill(process.pid, "SIGKILL");';
  const once = program(`
    process.send("ready");
    process.on("message", ({ id }) => {
      if (fs.existsSync(${JSON.stringify(path("killed"))})) process.send({ id, decoded: ${JSON.stringify(DECODED)} });
      else { fs.writeFileSync(${JSON.stringify(path("killed"))}, ""); ${kill} }
    });`);
  expect(await decoderWith({ program: once }).decode(work(), ANN, stays)).toEqual(DECODED);
  const always = program(`process.send("ready"); process.on("message", () => { ${kill} });`);
  const asked = decoderWith({ program: always }).decode(work(), ANN, stays);
  await expect(asked).rejects.toMatchObject({ type: "UNAVAILABLE" });
  expect(warnings).toHaveLength(3);
});

test("an image that brings it down is broken", async () => {
  const crashes = program('process.send("ready"); process.on("message", () => process.abort());');
  const asked = decoderWith({ program: crashes }).decode(work(), ANN, stays);
  await expect(asked).rejects.toMatchObject({ type: "INVALID_ARGUMENT" });
});

test("one that hangs is killed, and the next image gets another", async () => {
  const pids = JSON.stringify(path("pids"));
  const hangs = program(`
    process.send("ready");
    fs.appendFileSync(${pids}, process.pid + "\\n");
    process.on("message", () => {});
    process.on("disconnect", () => {});
    setInterval(() => {}, 1_000);`);
  const decoder = decoderWith({ program: hangs, within: 2_000 });
  for (let i = 0; i < 2; i += 1) {
    const asked = decoder.decode(work(), ANN, stays);
    await expect(asked).rejects.toMatchObject({
      type: "INVALID_ARGUMENT",
      message: expect.stringMatching(/too long/),
    });
  }
  expect(existsSync(path("pids"))).toBe(true);
  const lives = (pid: string) =>
    existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  const started = readFileSync(path("pids"), "utf8").trim().split("\n");
  expect(started).toHaveLength(2);
  await eventually(() => !started.some(lives));
});

test("an image is not too wide or high, though it has few pixels", async () => {
  writeFileSync(
    path("source"),
    await sharp(await jpeg())
      .resize(16_384, 2, { fit: "fill" })
      .jpeg()
      .toBuffer(),
  );
  await expect(decoderWith().decode(work(), ANN, stays)).rejects.toMatchObject({ type: "INVALID_ARGUMENT" });
});

test.each([3, 6])("an animation of the orientation %d plays forwards, and whole", async (orientation) => {
  const colours = ["#ff0000", "#00ff00", "#0000ff"];
  const frames = await Promise.all(
    colours.map((background) =>
      sharp({ create: { width: 40, height: 30, channels: 3, background } })
        .png()
        .toBuffer(),
    ),
  );
  const image = sharp(frames, { join: { animated: true } }).webp({ lossless: true });
  writeFileSync(path("source"), await image.withMetadata({ orientation }).toBuffer());
  const decoded = await decoderWith().decode(work({ format: "webp" }), ANN, stays);
  expect(decoded).toMatchObject({ width: 40, height: 30 });
  for (const [page, channel] of [0, 1, 2].entries()) {
    const { channels } = await sharp(path("full"), { page }).stats();
    expect([page, channels[channel]?.mean]).toEqual([page, expect.closeTo(255, -1)]);
  }
});
