/** The whole route table of `/v1`. */
import { accountRoutes } from "./account.ts";
import { authRoutes } from "./auth.ts";
import { chatRoutes } from "./chats.ts";
import { photoRoutes } from "./photos.ts";
import { postRoutes } from "./posts.ts";
import { profileRoutes } from "./profiles.ts";
import { roomRoutes } from "./rooms.ts";
import type { Route } from "./route.ts";
import { sessionRoutes } from "./sessions.ts";
import { socialRoutes } from "./social.ts";

export const routes: readonly Route[] = [
  ...authRoutes,
  ...sessionRoutes,
  ...accountRoutes,
  ...profileRoutes,
  ...socialRoutes,
  ...chatRoutes,
  ...roomRoutes,
  ...postRoutes,
  ...photoRoutes,
];
