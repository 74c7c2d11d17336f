/** How users show themselves to others. */
import type { ServiceBroker } from "moleculer";
import { call } from "../../lib/contract.ts";
import type { UserId } from "../../lib/ids.ts";
import { callerOf, implement } from "../../mixins/actions.ts";
import { cachedBy, forget, forgetting } from "../../mixins/cached.ts";
import { Claims } from "../../mixins/claims.ts";
import { collections, type WithCollections } from "../../mixins/collection/collection.ts";
import { consume } from "../../mixins/durable-events/durable-events.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import { defineService } from "../../mixins/service.ts";
import { sweep } from "../../mixins/sweep.ts";
import { UserDeleted } from "../auth/auth.contract.ts";
import { Profiles } from "./profiles.ts";
import { usersContract } from "./users.contract.ts";
import { type ProfileDocument, usersCollections } from "./users.store.ts";

interface UsersService extends WithCollections<typeof usersCollections> {
  profiles: Profiles;
  claims: Claims<ProfileDocument>;
}

export default defineService<UsersService>({
  name: "users",
  version: 1,
  metadata: { needs: ["v1.auth"] },
  mixins: [
    collections(usersCollections),
    forgetting,
    sweep<UsersService>({
      name: "claims of nicknames",
      run() {
        return this.claims.sweep(Date.now() - runtimeOf(this.broker).config.STALE_AFTER_MS);
      },
    }),
  ],

  actions: implement<typeof usersContract, UsersService>(
    usersContract,
    {
      async "v1.users.createProfile"(ctx) {
        const { id } = callerOf(ctx);
        const profile = await this.profiles.create(id, ctx.params);
        await forgetProfile(this.broker, id);
        return profile;
      },
      async "v1.users.updateProfile"(ctx) {
        const { id } = callerOf(ctx);
        const profile = await this.profiles.update(id, ctx.params);
        await forgetProfile(this.broker, id);
        return profile;
      },
      "v1.users.getProfileById"(ctx) {
        return this.profiles.get(ctx.params.id);
      },
      "v1.users.getProfileByNickname"(ctx) {
        return this.profiles.getByNickname(ctx.params.nickname);
      },
      async "v1.users.getMe"(ctx) {
        const [profile, account] = await Promise.all([
          this.profiles.get(callerOf(ctx).id),
          call(ctx, "v1.auth.getAccount", {}),
        ]);
        return { ...profile, email: account.email, username: account.username, role: account.role };
      },
      "v1.users.searchByNickname"(ctx) {
        const { query, limit, cursor } = ctx.params;
        return this.profiles.search(query, limit, cursor);
      },
      "v1.users.listProfiles"(ctx) {
        return this.profiles.list(ctx.params.limit, ctx.params.cursor);
      },
      async "v1.users.prepareProfile"(ctx) {
        await this.profiles.prepare(ctx.params.user_id, ctx.params.nickname);
        return null;
      },
      async "v1.users.deleteProfile"(ctx) {
        await this.profiles.remove(ctx.params.user_id);
        await forgetProfile(this.broker, ctx.params.user_id);
        return null;
      },
      async "v1.users.exists"(ctx) {
        return { exists: await this.profiles.exists(ctx.params.user_id) };
      },
    },
    { "v1.users.getProfileById": cachedBy("id"), "v1.users.getMe": cachedBy("#user.id") },
  ),

  channels: consume<UsersService>({
    "user.deleted": {
      schema: UserDeleted,
      async handler({ user_id, round }) {
        await this.profiles.remove(user_id);
        await forgetProfile(this.broker, user_id);
        await call(this.broker, "v1.auth.confirmDeletion", { user_id, round, consumer: "users" });
      },
    },
  }),

  async started() {
    const { profiles, nicknameClaims } = this.collections;
    this.claims = new Claims(profiles, nicknameClaims);
    this.profiles = new Profiles(profiles, this.claims);
  },
});

const forgetProfile = (broker: ServiceBroker, id: UserId) =>
  forget(broker, ["v1.users.getProfileById", id], ["v1.users.getMe", id]);
