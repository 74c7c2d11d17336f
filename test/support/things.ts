/** The collection that the tests of collections write to. */
import { type Document, defineCollection } from "../../mixins/collection/collection.ts";

export interface Thing {
  _id: string;
  owner: string;
  rank: number;
  email?: string;
  key?: string;
  state?: "open" | "closed";
  tags?: string[];
  members?: { id: string; role?: string }[];
  at?: Date;
  note?: string | null;
  settings?: { theme?: string; limits?: Record<string, number> };
}

export const things = (name: string) =>
  defineCollection<Thing>({
    name,
    indexes: [
      { fields: ["owner", "rank"], unique: true, name: "owner_rank" },
      { fields: ["email"] },
      { fields: ["key"] },
      { fields: ["tags"] },
      { fields: ["members.id"], name: "member" },
      { fields: ["state", "at"] },
      { fields: ["tags", "_id"], name: "tags_in_order" },
    ],
  });

export const thing = (rank: number, more: Partial<Thing> = {}): Thing => ({
  _id: `t${String(rank).padStart(6, "0")}`,
  owner: "olga",
  rank,
  ...more,
});
export const ids = (documents: Document[]) => documents.map(({ _id }) => _id);
export const ranks = (documents: Thing[]) => documents.map(({ rank }) => rank);
export const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
