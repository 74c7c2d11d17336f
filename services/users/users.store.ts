/** The collections of profiles, and of the nicknames they hold. */
import type { PhotoId, UserId } from "../../lib/ids.ts";
import { type Claimant, claimCollection } from "../../mixins/claims.ts";
import { defineCollection } from "../../mixins/collection/collection.ts";
import { type Owing, owedIndex } from "../../mixins/durable-events/debts.ts";

export interface ProfileDocument extends Claimant, Owing {
  _id: UserId;
  nickname?: string;
  display_name?: string;
  bio?: string;
  avatar_url?: string;
  /** The photo that was uploaded as avatar; shown instead of `avatar_url`. */
  avatar?: PhotoId;
  first_name?: string;
  last_name?: string;
  gender?: "male" | "female";
  /** YYYY-MM-DD */
  birthday?: string;
  created_at: number;
}

export const usersCollections = {
  profiles: defineCollection<ProfileDocument>({
    name: "profiles",
    indexes: [{ fields: ["nickname"] }, owedIndex],
  }),
  nicknameClaims: claimCollection("nickname_claims"),
};
