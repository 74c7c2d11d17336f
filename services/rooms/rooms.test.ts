// What the sweep makes of rooms that a crash left half made or half deleted.
import { beforeEach, expect, test } from "@jest/globals";
import { type ConversationId, newRoomId, newUserId } from "../../lib/ids.ts";
import { Claims } from "../../mixins/claims.ts";
import { type Collection, openCollection } from "../../mixins/collection/collection.ts";
import { eventually } from "../../test/servers/eventually.ts";
import { Memberships } from "./memberships.ts";
import { type MemberDocument, type RoomDocument, roomsCollections } from "./rooms.store.ts";
import { Rooms } from "./rooms.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const options = { checkQueries: true };
const ann = newUserId();

let documents: Collection<RoomDocument>;
let members: Collection<MemberDocument>;
let memberships: Memberships;
let rooms: Rooms;
let told: ConversationId[];

beforeEach(async () => {
  told = [];
  documents = await openCollection(roomsCollections.rooms, options, silent);
  members = await openCollection(roomsCollections.members, options, silent);
  const names = await openCollection(roomsCollections.roomNames, options, silent);
  memberships = new Memberships(members, async () => {}, 0);
  const tell = async (id: ConversationId) => void told.push(id);
  rooms = new Rooms(documents, new Claims(documents, names), memberships, tell, 0);
});

const sweep = async () => {
  const now = Date.now();
  await eventually(() => Date.now() > now, { every: 1 });
  await rooms.sweep();
};

test("one that never got its name goes", async () => {
  const _id = newRoomId();
  await documents.insert({ _id, owner_id: ann, is_private: false, created_at: 1, unsettled_since: 1 });
  await sweep();
  expect(await documents.findById(_id)).toBeNull();
});

test("one whose owner never became a member goes, and its name is free", async () => {
  const room = await rooms.create(ann, "town square", false);
  await members.deleteMany({ _id: { $gte: room._id } });
  await documents.updateOne({ _id: room._id }, { $set: { unsettled_since: 1 } });
  await sweep();
  await sweep();
  expect(await documents.findById(room._id)).toBeNull();
  expect(await rooms.create(ann, "Town Square", false)).toMatchObject({ name: "Town Square" });
});

test("one that was made, but for the last step, is there", async () => {
  const room = await rooms.create(ann, "town square", false);
  await documents.updateOne({ _id: room._id }, { $set: { unsettled_since: 1 }, $unset: { listed: true } });
  await sweep();
  expect(await rooms.pageListed(10)).toMatchObject([{ _id: room._id }]);
});

test("one that is deleted goes with whoever came in meanwhile, and all are told again", async () => {
  const room = await rooms.create(ann, "town square", false);
  expect(await rooms.delete(room)).toBe(true);
  await rooms.clear(room._id);
  await memberships.enter(room._id, newUserId());
  await sweep();
  expect(told).toEqual([room._id, room._id]);
  expect(await documents.findById(room._id)).toBeNull();
  expect(await members.find({ _id: { $gte: room._id } }, { limit: 10 })).toEqual([]);
});
