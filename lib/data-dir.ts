/** The directory of a process by itself: locked while it runs, and where it keeps the secrets it made. */
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join, relative, resolve } from "node:path";

/** Longer paths of sockets are cut off silently by some systems. */
const MAX_SOCKET_PATH = 100;

/**
 * Holds the directory for this process, until it ends in whatever way.
 *
 * The lock is a listening socket, which the system closes with its process, so that a killed one leaves no lock behind:
 * a name that nobody listens on is taken over. `link` makes the name appear at once and only once.
 * @throws Error with one line where another process holds it
 */
export async function lockDataDir(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const lock = socketPath(directory, "lock");
  const mine = socketPath(directory, `lock.${randomBytes(4).toString("hex")}`);
  const server = createServer((socket) => socket.end());
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(mine, listening);
  });
  server.unref();
  try {
    while (!tryLink(mine, lock)) {
      if (await isAlive(lock)) {
        throw new Error(
          `DATA_DIR ${resolve(directory)} is in use by another Veche process. Stop that one, or set another DATA_DIR.`,
        );
      }
      // Moved away rather than removed: of two that find it dead only one moves it.
      tryRename(lock, `${mine}.dead`);
      rmSync(`${mine}.dead`, { force: true });
    }
  } catch (error) {
    server.close();
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
}

function socketPath(directory: string, name: string): string {
  const absolute = resolve(directory, name);
  const path =
    [absolute, relative(process.cwd(), absolute)].sort((a, b) => a.length - b.length)[0] ?? absolute;
  if (path.length > MAX_SOCKET_PATH) {
    throw new Error(
      `DATA_DIR ${resolve(directory)} is too long a path: its lock needs one of at most 90 characters.`,
    );
  }
  return path;
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function tryRename(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

const isAlive = (path: string) =>
  new Promise<boolean>((done) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });

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
