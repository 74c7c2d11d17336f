/** All older dialects. Where two have a path, the one that comes first is asked first whether a request is for it. */
import type { Dialect as DialectName } from "../../../lib/dialects.ts";
import { authPosts } from "./auth-posts.ts";
import { chatServer } from "./chat-server.ts";
import type { Dialect } from "./dialect.ts";
import { ego } from "./ego.ts";
import { userManagement } from "./user-management.ts";

const dialects: readonly Dialect[] = [chatServer, ego, userManagement, authPosts];

export const dialectsNamed = (names: readonly DialectName[]): Dialect[] =>
  dialects.filter(({ name }) => names.includes(name));
