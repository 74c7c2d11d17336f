/** user-management: users and their names. The bytes of photos are at another service, and are not in the file. */
import { z } from "zod";
import { BcryptHashSchema } from "../../../lib/passwords.ts";
import { field, given, OldEmail, OldId, type OldSystem, OldTimeOrNow } from "../records.ts";

const user = z
  .object({
    userid: OldId,
    name: field("display_name"),
    email: OldEmail,
    password_hash: BcryptHashSchema,
    created_at: OldTimeOrNow,
  })
  .transform(({ userid, name, email, password_hash, created_at }) => ({
    kind: "user" as const,
    id: userid,
    ...{ email, password_hash, created_at },
    profile: given({ display_name: name }),
  }));

export const userManagement: OldSystem = { name: "user-management", records: { user } };
