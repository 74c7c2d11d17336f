// As rough.ts, but any process writes any conversation: they race for every seq.
import "./rough-bus.ts";
import chat from "../../services/chat/chat.service.ts";

for (const action of Object.values(chat.actions ?? {})) {
  const options = action as { strategy?: unknown; strategyOptions?: unknown };
  delete options.strategy;
  delete options.strategyOptions;
}
await import("../../scripts/start.ts");
