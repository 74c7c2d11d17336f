/** The five systems that Veche takes the place of. */
import type { OldSystem } from "./records.ts";
import { authPosts } from "./systems/auth-posts.ts";
import { balun } from "./systems/balun.ts";
import { chatServer } from "./systems/chat-server.ts";
import { ego } from "./systems/ego.ts";
import { userManagement } from "./systems/user-management.ts";

export const SYSTEMS: readonly OldSystem[] = [chatServer, userManagement, ego, authPosts, balun];
