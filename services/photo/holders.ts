/** Who is asked whether an image is held, by what it was uploaded for. */
import type { ServiceBroker } from "moleculer";
import { call } from "../../lib/contract.ts";
import type { PhotoDocument } from "./photo.store.ts";

/** Each takes `{ user_id, photo_id }` and answers `{ holds }`. An image of a kind that has none is left alone. */
const HOLDERS = { avatar: "v1.users.holdsImage", post: "v1.posts.holdsImage" } as const;

/** @returns undefined where nobody can tell now */
export async function isHeld(broker: ServiceBroker, photo: PhotoDocument): Promise<boolean | undefined> {
  if (!Object.hasOwn(HOLDERS, photo.kind)) return undefined;
  const action = HOLDERS[photo.kind as keyof typeof HOLDERS];
  const asked = call(broker, action, { user_id: photo.owner, photo_id: photo._id });
  return asked.then(
    ({ holds }) => holds,
    () => undefined,
  );
}
