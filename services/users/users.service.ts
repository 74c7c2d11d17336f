/** How users show themselves to others. */
import type { ServiceBroker } from "moleculer";
import { call } from "../../lib/contract.ts";
import type { PhotoId, UserId } from "../../lib/ids.ts";
import { PhotoUrls } from "../../lib/photo-urls.ts";
import { type ActionContext, callerOf, implement } from "../../mixins/actions.ts";
import { type Cached, cachedBy, forget, forgetting } from "../../mixins/cached.ts";
import { Claims } from "../../mixins/claims.ts";
import { collections, type WithCollections } from "../../mixins/collection/collection.ts";
import { consume, publish } from "../../mixins/durable-events/durable-events.ts";
import { runtimeOf } from "../../mixins/runtime.ts";
import { defineService } from "../../mixins/service.ts";
import { sweep } from "../../mixins/sweep.ts";
import { UserDeleted } from "../auth/auth.contract.ts";
import { keepUpload, PhotoDeleted } from "../photo/photo.contract.ts";
import { hiddenFrom } from "../social/social.contract.ts";
import { Avatars } from "./avatars.ts";
import { ImportedProfiles } from "./importing.ts";
import { noSuchUser, Profiles } from "./profiles.ts";
import { usersContract } from "./users.contract.ts";
import { type ProfileDocument, usersCollections } from "./users.store.ts";

interface UsersService extends WithCollections<typeof usersCollections> {
  profiles: Profiles;
  imported: ImportedProfiles;
  avatars: Avatars;
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
      name: "images to be released",
      run() {
        return this.avatars.sweep(runtimeOf(this.broker).config.STALE_AFTER_MS);
      },
    }),
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
      async "v1.users.completeProfile"(ctx) {
        const { id } = callerOf(ctx);
        const profile = await this.profiles.complete(id, ctx.params);
        await forgetProfile(this.broker, id);
        return profile;
      },
      async "v1.users.updateProfile"(ctx) {
        const { id } = callerOf(ctx);
        const profile = await this.profiles.update(id, ctx.params);
        await forgetProfile(this.broker, id);
        return profile;
      },
      async "v1.users.getProfileById"(ctx) {
        const { id } = ctx.params;
        // Together: who is blocked waits for nothing that others don't wait for.
        const [profile] = await Promise.all([call(ctx, "v1.users.readProfile", { id }), mustSee(ctx, id)]);
        return profile;
      },
      async "v1.users.getProfileByNickname"(ctx) {
        const profile = await this.profiles.getByNickname(ctx.params.nickname);
        await mustSee(ctx, profile.id);
        return profile;
      },
      "v1.users.readProfile"(ctx) {
        return this.profiles.get(ctx.params.id);
      },
      async "v1.users.readProfiles"(ctx) {
        return { profiles: await this.profiles.getAll(ctx.params.ids) };
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
        return this.profiles.search(query, { limit, cursor, hiddenAmong: hiddenAmong(ctx) });
      },
      "v1.users.listProfiles"(ctx) {
        const { limit, cursor } = ctx.params;
        return this.profiles.list({ limit, cursor, hiddenAmong: hiddenAmong(ctx) });
      },
      async "v1.users.prepareProfile"(ctx) {
        const { user_id, ...profile } = ctx.params;
        await this.profiles.prepare(user_id, profile);
        return null;
      },
      async "v1.users.deleteProfile"(ctx) {
        await this.profiles.remove(ctx.params.user_id);
        await forgetProfile(this.broker, ctx.params.user_id);
        return null;
      },
      async "v1.users.importProfiles"(ctx) {
        const { profiles } = ctx.params;
        const { taken, amended } = await this.imported.make(profiles);
        if (amended.length > 0) await forgetProfile(this.broker, ...amended);
        return {
          profiles: profiles.map(({ user_id }) => ({ user_id, nickname_taken: taken.has(user_id) })),
        };
      },
      async "v1.users.setAvatar"(ctx) {
        const photo = await keepUpload(ctx, ctx.params.upload, "avatar");
        // Just made by the photo service.
        await this.avatars.set(callerOf(ctx).id, photo.id as PhotoId);
        return photo;
      },
      async "v1.users.removeAvatar"(ctx) {
        return { photo_id: await this.avatars.remove(callerOf(ctx).id) };
      },
      async "v1.users.holdsImage"(ctx) {
        return { holds: await this.avatars.holds(ctx.params.user_id, ctx.params.photo_id) };
      },
      async "v1.users.exists"(ctx) {
        return { exists: await this.profiles.exists(ctx.params.user_id) };
      },
    },
    { "v1.users.readProfile": cachedBy("id"), "v1.users.getMe": cachedBy("#user.id") },
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
    "photo.deleted": {
      schema: PhotoDeleted,
      handler({ photo_id, user_id }) {
        return this.avatars.drop(user_id, photo_id);
      },
    },
  }),

  async started() {
    const { profiles, nicknameClaims } = this.collections;
    this.claims = new Claims(profiles, nicknameClaims);
    this.profiles = new Profiles(profiles, this.claims, new PhotoUrls(runtimeOf(this.broker).config));
    this.imported = new ImportedProfiles(profiles, this.claims);
    this.avatars = new Avatars(
      profiles,
      (event, payload) => publish(this.broker, event, payload),
      (id) => forgetProfile(this.broker, id),
    );
  },
});

const forgetProfile = (broker: ServiceBroker, ...ids: UserId[]) =>
  forget(
    broker,
    ...ids.flatMap((id): Cached[] => [
      ["v1.users.readProfile", id],
      ["v1.users.getMe", id],
    ]),
  );

const hiddenAmong = (ctx: ActionContext<unknown>) => (others: string[]) =>
  hiddenFrom(ctx, callerOf(ctx).id, others);

/** @throws NOT_FOUND as for a user that there is not, to who was blocked */
async function mustSee(ctx: ActionContext<unknown>, user: string): Promise<void> {
  if ((await hiddenAmong(ctx)([user])).has(user)) throw noSuchUser();
}
