/** Inserts many claims at once. */
import { unavailable } from "../lib/errors.ts";
import type { Claim } from "./claims.ts";
import type { Collection } from "./collection/collection.ts";

/**
 * Inserts what is free. Of two with one value, the first gets it.
 * @param claims at most 1000
 * @returns in their order, the claim that is there now: these, or others'
 */
export async function claimEach(
  collection: Collection<Claim>,
  claims: Claim[],
): Promise<(Claim | undefined)[]> {
  const held = new Map<string, Claim>();
  for (let attempt = 0; ; attempt += 1) {
    const unknown = [...new Set(claims.map(({ _id }) => _id).filter((id) => !held.has(id)))];
    if (unknown.length === 0) return claims.map(({ _id }) => held.get(_id));
    if (attempt > claims.length) throw unavailable();
    for (const claim of await collection.findByIds(unknown)) held.set(claim._id, claim);
    const free = new Map<string, Claim>();
    for (const claim of claims) {
      if (!held.has(claim._id) && !free.has(claim._id)) free.set(claim._id, claim);
    }
    const { inserted } = await collection.insertMany([...free.values()]);
    for (const claim of [...free.values()].slice(0, inserted)) held.set(claim._id, claim);
    // One that was refused is that of who was faster: the next look tells.
  }
}
