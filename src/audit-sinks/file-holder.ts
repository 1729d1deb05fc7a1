/** Which process a file belongs to, by its name, and whether that process is gone. @module */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { threadId } from 'node:worker_threads';

/** A process that lives touches its files more often than this, whatever it does. */
const GONE_AFTER_MS = 600_000;
export const TOUCH_EVERY_MS = 60_000;

/** The sinks of this thread that are not closed, of any copy of the library. */
const LIVE = Symbol.for('@bytelyst/field-encrypt/audit-holders');

const HOLDER = /^(\d{1,10})-(\d{1,10})-([0-9a-f]{8})-([\w.-]{1,64})$/;
const [SEPARATOR, MOST_HOST_LETTERS] = ['~', 64];

/** A host's name as part of a file name. */
function ownHost(): string {
  const name = hostname().replaceAll(/[^\w.-]/g, '_');
  return name.slice(0, MOST_HOST_LETTERS) || 'unknown';
}

function live(): Set<string> {
  const shared = globalThis as { [LIVE]?: Set<string> };
  const ids = shared[LIVE] ?? new Set<string>();
  shared[LIVE] = ids;
  return ids;
}

/** One sink of this process. Its files are named `<key>~<holder>.<ending>`. */
export class FileHolder {
  readonly #name: string;
  readonly #id: string = randomBytes(4).toString('hex');

  constructor() {
    this.#name = [process.pid, threadId, this.#id, ownHost()].join('-');
    live().add(this.#id);
  }

  /** @param key - Without `~`. */
  fileName(key: string, ending: string): string {
    return `${key}${SEPARATOR}${this.#name}.${ending}`;
  }

  owns(file: HeldFile): boolean {
    return file.holder === this.#name;
  }

  /** From now on its files are those of a process that is gone. */
  release(): void {
    live().delete(this.#id);
  }
}

export interface HeldFile {
  readonly key: string;
  readonly holder: string;
}

/** @returns `undefined` for a file that has another name. */
export function heldFileOf(name: string, ending: string): HeldFile | undefined {
  if (!name.endsWith(`.${ending}`)) return undefined;
  const [key = '', holder = '', more] = name.slice(0, -ending.length - 1).split(SEPARATOR);
  return more === undefined && HOLDER.test(holder) ? { key, holder } : undefined;
}

/** @param untouchedMs - Since its last change, by this process's clock. */
export function isHolderGone({ holder }: HeldFile, untouchedMs: number): boolean {
  const [, pid, thread, id = '', host] = HOLDER.exec(holder) ?? [];
  if (host === ownHost()) {
    const isOwnPid = Number(pid) === process.pid;
    // After a restart of a container the process has the same number.
    if (isOwnPid && Number(thread) === threadId) return !live().has(id);
    if (!isOwnPid && !isAlive(Number(pid))) return true;
  }
  // Another host; or one that has had its number since, such as another process.
  return untouchedMs >= GONE_AFTER_MS;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
