// Frames for the fuzz of `/v1/ws`: valid ones, valid ones with something wrong in them, and what is no frame at all.
import fc from "fast-check";
import { HOSTILE, hostile, jsonOf, UNKNOWN } from "./inputs.ts";

/** Field of a frame → JSON text. */
type Fields = [name: string, value: string][];

/** Conversations to name: one's own, others', and none. */
export function framesOf(conversations: string[], token: string): fc.Arbitrary<string | Buffer> {
  const conversation = fc.constantFrom(...conversations);
  const nonce = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
  const text = fc.string({ unit: "binary", minLength: 1, maxLength: 60 });
  const seq = fc.oneof(fc.nat(5), fc.constantFrom(0, 1, Number.MAX_SAFE_INTEGER));
  const valid: fc.Arbitrary<object> = fc.oneof(
    fc.constant({ op: "ping" }),
    fc.constant({ op: "auth", token }),
    fc.record(
      { op: fc.constant("subscribe"), conversation, after: seq },
      { requiredKeys: ["op", "conversation"] },
    ),
    fc.record({ op: fc.constant("unsubscribe"), conversation }),
    fc.record({ op: fc.constant("send"), conversation, text, nonce }),
    fc.record({ op: fc.constant("read"), conversation, seq }),
    fc.record({ op: fc.constant("typing"), conversation }),
  );
  const fields = valid.map(
    (frame): Fields => Object.entries(frame).map(([name, value]) => [name, JSON.stringify(value)]),
  );
  return fc.oneof(
    { arbitrary: valid.map((frame) => JSON.stringify(frame)), weight: 2 },
    { arbitrary: fields.chain(broken).map(jsonOf), weight: 6 },
    { arbitrary: fc.constantFrom(...HOSTILE).filter(fits), weight: 1 },
    { arbitrary: fc.json({ maxDepth: 6 }), weight: 1 },
    {
      arbitrary: fc.string({ unit: "binary", maxLength: 200 }).map((text) => text.toWellFormed()),
      weight: 1,
    },
    { arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)), weight: 1 },
  );
}

/** A frame that is larger ends the connection: that is a test of its own. */
const fits = (text: string): boolean => Buffer.byteLength(text) < 16_000;

const value = fc.oneof(hostile.filter(fits), fc.constantFrom(`"${"7".repeat(16)}"`, "1e400", "-1", "0.1"));

/** A field left out, given another value, given twice, or beside one that there is not. */
const broken = (fields: Fields): fc.Arbitrary<Fields> =>
  fc
    .tuple(fc.nat(fields.length - 1), fc.nat(3), value, fc.constantFrom(...UNKNOWN, "op", "nonce"))
    .map(([at, how, replacement, unknown]): Fields => {
      const name = fields[at]?.[0] ?? "op";
      if (how === 0) return fields.toSpliced(at, 1);
      if (how === 1) return fields.with(at, [name, replacement]);
      if (how === 2) return [...fields, [name, replacement]];
      return [...fields, [unknown, replacement]];
    });
