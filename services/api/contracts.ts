/** The contracts of all services whose actions the gateway has routes to, under the actions' full names. */
import type { ActionContract, ActionName } from "../../lib/contract.ts";
import { authContract } from "../auth/auth.contract.ts";
import { chatContract } from "../chat/chat.contract.ts";
import { photoContract } from "../photo/photo.contract.ts";
import { postsContract } from "../posts/posts.contract.ts";
import { roomsContract } from "../rooms/rooms.contract.ts";
import { sessionContract } from "../session/session.contract.ts";
import { socialContract } from "../social/social.contract.ts";
import { usersContract } from "../users/users.contract.ts";

const contracts: Readonly<Record<string, ActionContract>> = {
  ...authContract,
  ...sessionContract,
  ...usersContract,
  ...socialContract,
  ...chatContract,
  ...roomsContract,
  ...photoContract,
  ...postsContract,
};

/** @throws Error for an action whose contract is not in the list above */
export function contractOf(action: ActionName): ActionContract {
  const contract = contracts[action];
  if (!contract) throw new Error(`${action} is not among the gateway's contracts`);
  return contract;
}
