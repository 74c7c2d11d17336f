// Veche, with as many friends for a user as it is told to make: edges alone, which is all that a list reads.
import type { UserId } from "../../lib/ids.ts";
import type { Collections } from "../../mixins/collection/collection.ts";
import { edgeContent, edgeId, type socialCollections } from "../../services/social/social.store.ts";
import { broker } from "./veche.ts";

export interface Wanted {
  user: UserId;
  friends: number;
}

const PORTION = 10_000;

process.on("message", async ({ user, friends }: Wanted) => {
  const social = broker.getLocalService({ name: "social", version: 1 }) as unknown as {
    collections: Collections<typeof socialCollections>;
  };
  for (let made = 0; made < friends; made += PORTION) {
    const edges = Array.from({ length: Math.min(PORTION, friends - made) }, (_, i) => {
      const peer = String(made + i + 1).padStart(16, "0") as UserId;
      const pair = { friends_since: Date.UTC(2025, 0, 1) + made + i, low: {}, high: {} };
      return { _id: edgeId(user, peer), version: 1, ...edgeContent(pair, user, peer) };
    });
    await social.collections.edges.insertMany(edges);
  }
  process.send?.("made");
});
