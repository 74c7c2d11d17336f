/** The collections of accounts, and of the emails and usernames they hold. */
import type { Role } from "../../lib/contract.ts";
import type { SessionId, UserId } from "../../lib/ids.ts";
import { type Claimant, claimCollection } from "../../mixins/claims.ts";
import { defineCollection } from "../../mixins/collection/collection.ts";
import { type Owing, owedIndex } from "../../mixins/durable-events/debts.ts";

export interface AccountDocument extends Claimant, Owing {
  _id: UserId;
  /** As it was registered, in lower case. Absent only while the account is being made. */
  email?: string;
  username?: string;
  password_hash: string;
  /** How often the password was changed: tells a sign-in that it changed meanwhile, which a new hash alone does not. */
  password_version: number;
  role: Role;
  /** One that is `discarding` was never active, and never will be. */
  state: "registering" | "discarding" | "active" | "deleting";
  created_at: number;
  /** Of accounts with something unfinished, when it last moved on (milliseconds since 1970): the sweep looks here. */
  unsettled_since?: number;
  deletion?: Deletion;
  /** The account's sessions that are still to be revoked: stands here from the write that made it necessary until it is done. */
  ending?: EndingSessions;
}

export interface EndingSessions {
  id: string;
  /** Sessions made later know of the change (milliseconds since 1970). */
  before: number;
  except?: SessionId;
}

export interface Deletion {
  /** The second round takes what requests that were under way during the first have left. */
  round: 1 | 2;
  started_at: number;
  confirmed: string[];
}

export const authCollections = {
  accounts: defineCollection<AccountDocument>({
    name: "accounts",
    indexes: [{ fields: ["unsettled_since"] }, owedIndex],
  }),
  accountClaims: claimCollection("account_claims"),
};

/** What accounts hold claims on. */
export const CLAIMED = ["email", "username"] as const satisfies (keyof AccountDocument)[];
