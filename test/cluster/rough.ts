// Veche as scripts/start.ts runs it, over a bus that loses, repeats and swaps.
import "./rough-bus.ts";

await import("../../scripts/start.ts");
