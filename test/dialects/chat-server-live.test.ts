import { chatServerLiveSuite } from "./suites/chat-server-live.ts";
import { embeddedTarget } from "./suites/embedded.ts";

chatServerLiveSuite(embeddedTarget());
