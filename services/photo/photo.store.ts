/**
 * The collection of photos: what is known of each besides its bytes. Only one that is `deleting` owes an event, so that whatever
 * finishes the deletion pays, and no sweep of debts is needed.
 */
import type { PhotoId, UserId } from "../../lib/ids.ts";
import { defineCollection } from "../../mixins/collection/collection.ts";
import type { Owing } from "../../mixins/durable-events/debts.ts";
import type { Kind } from "./photo.contract.ts";

export interface PhotoDocument extends Owing {
  _id: PhotoId;
  owner: UserId;
  kind: Kind;
  /** `storing`: its bytes are on their way. `deleting`: nobody sees it any more, and its bytes go. */
  state: "storing" | "ready" | "deleting";
  /**
   * Since when something of it is open (milliseconds since 1970): it is not ready; or it is, and it is not known yet whether
   * what it was uploaded for holds it.
   */
  unsettled_since?: number;
  /** `<owner>.<id>`, of those that a gallery shows. */
  list_key?: string;
  content_type: string;
  width: number;
  height: number;
  full_bytes: number;
  thumb_bytes: number;
  created_at: number;
}

/** Which storage the photos of this database are in: see `storage-mark.ts`. */
export interface StorageMark {
  _id: "storage";
  mark: string;
  /** Until it is in the storage. */
  unconfirmed?: boolean;
}

export const photoCollections = {
  photos: defineCollection<PhotoDocument>({
    name: "photos",
    indexes: [{ fields: ["owner", "_id"] }, { fields: ["list_key"] }, { fields: ["unsettled_since"] }],
  }),
  marks: defineCollection<StorageMark>({ name: "photo_storage" }),
};

export const listPrefix = (owner: UserId) => `${owner}.`;
export const listKey = (owner: UserId, id: PhotoId) => `${owner}.${id}`;
