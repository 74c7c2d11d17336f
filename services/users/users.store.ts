/** The collections of profiles, and of the nicknames they hold. */
import type { UserId } from "../../lib/ids.ts";
import { type Claimant, claimCollection } from "../../mixins/claims.ts";
import { defineCollection } from "../../mixins/collection/collection.ts";

export interface ProfileDocument extends Claimant {
  _id: UserId;
  nickname?: string;
  display_name?: string;
  bio?: string;
  avatar_url?: string;
  first_name?: string;
  last_name?: string;
  gender?: "male" | "female";
  /** YYYY-MM-DD */
  birthday?: string;
  created_at: number;
}

export const usersCollections = {
  profiles: defineCollection<ProfileDocument>({ name: "profiles", indexes: [{ fields: ["nickname"] }] }),
  nicknameClaims: claimCollection("nickname_claims"),
};
