// A chat service for the tests that dies of its last words: when they are kept, and not yet published.
import type { WithBus } from "../../mixins/realtime-bus/realtime-bus.ts";
import { configFromEnvironment, makeBroker } from "../../scripts/process.ts";
import chatService from "../../services/chat/chat.service.ts";

const broker = makeBroker(configFromEnvironment());
broker.createService({ ...chatService });
await broker.start();
const { bus } = broker.getLocalService("v1.chat") as WithBus;
const publish = bus.publish.bind(bus);
bus.publish = (subject, message) => {
  if (message.includes("last words")) process.kill(process.pid, "SIGKILL");
  publish(subject, message);
};
