/** The directory of a process by itself: locked while it runs, and where it keeps the secrets it made. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Held until the process ends: closing one would give the lock away. */
const held: DatabaseSync[] = [];

/**
 * Holds the directory for this process, until it ends in whatever way.
 *
 * The lock is the system's own on a file, as SQLite takes it for a transaction: it goes with the process that has it, so that a
 * killed one leaves none behind, and of many that try at once exactly one gets it. Node has no other way to such a lock.
 * @throws Error with one line where another process holds it
 */
export function lockDataDir(directory: string): void {
  mkdirSync(directory, { recursive: true });
  const database = new DatabaseSync(join(directory, "lock"), { timeout: 0 });
  try {
    database.exec("PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
    throw new Error(
      `DATA_DIR ${resolve(directory)} is in use by another Veche process. Stop that one, or set another DATA_DIR.`,
    );
  }
  held.push(database);
}

const SQLITE_BUSY = 5;

/** A secret kept in the directory, made when it is not there yet. Call it with the directory locked. */
export function keptSecret(directory: string, name: string): string {
  const file = join(directory, `${name}.secret`);
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const secret = randomBytes(32).toString("hex");
  writeFileSync(`${file}.new`, `${secret}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
  return secret;
}
