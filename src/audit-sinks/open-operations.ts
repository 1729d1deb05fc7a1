/** The operations that have begun and not ended: one small file for each, with its start event. @module */
import { hash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../async/clock.js';
import type { AuditEvent } from '../audit/audit-event.js';
import {
  makeFolder,
  readIfThere,
  removeFile,
  unlessMissing,
  writeDurably,
} from './durable-files.js';
import { heldFileOf, isHolderGone, type FileHolder } from './file-holder.js';

const ENDING = 'open';
const PLAIN_ID = /^[\w-]{1,64}$/;

export class OpenOperations {
  readonly #folder: string;
  readonly #holder: FileHolder;
  readonly #clock: Clock;
  readonly #own = new Map<string, string>();

  constructor(folder: string, holder: FileHolder, clock: Clock) {
    this.#folder = folder;
    this.#holder = holder;
    this.#clock = clock;
  }

  /** The files of this process, to be touched. */
  paths(): Iterable<string> {
    return this.#own.values();
  }

  /** Before its start is written: no crash leaves a start that is not here. */
  async add(operationId: string, line: Uint8Array): Promise<void> {
    await makeFolder(this.#folder);
    const key = keyOf(operationId);
    const path = join(this.#folder, this.#holder.fileName(key, ENDING));
    this.#own.set(key, path);
    await writeDurably(path, line);
  }

  /** After its end is durable, and where its start was refused. Never throws: at worst it is taken over later. */
  async remove(operationId: string): Promise<void> {
    const key = keyOf(operationId);
    const own = this.#own.get(key);
    this.#own.delete(key);
    try {
      const paths = own === undefined ? await this.#othersWith(key) : [own];
      for (const path of paths) await removeFile(path);
    } catch {
      // The event that ended it is durable.
    }
  }

  /** The starts whose process is gone, the oldest first. */
  async unfinished(): Promise<readonly AuditEvent[]> {
    const starts: AuditEvent[] = [];
    for (const { path, held } of await this.#files()) {
      const stats = await unlessMissing(stat(path));
      if (!stats || !isHolderGone(held, this.#clock.wallMs() - stats.mtimeMs)) continue;
      const start = eventIn(await readIfThere(path));
      if (start) starts.push(start);
      // It was being written when its process ended: its start was not.
      else await removeFile(path);
    }
    return starts.sort((one, other) => (one.time < other.time ? -1 : 1));
  }

  async #othersWith(key: string): Promise<readonly string[]> {
    const files = await this.#files();
    return files.filter(({ held }) => held.key === key).map(({ path }) => path);
  }

  async #files(): Promise<readonly { path: string; held: { key: string; holder: string } }[]> {
    const names = (await unlessMissing(readdir(this.#folder))) ?? [];
    return names.flatMap((name) => {
      const held = heldFileOf(name, ENDING);
      return held ? [{ path: join(this.#folder, name), held }] : [];
    });
  }
}

function keyOf(operationId: string): string {
  return PLAIN_ID.test(operationId) ? operationId : hash('sha256', operationId, 'hex');
}

function eventIn(text: string | undefined): AuditEvent | undefined {
  try {
    const event = JSON.parse(text ?? '') as AuditEvent | null;
    return typeof event?.time === 'string' ? event : undefined;
  } catch {
    return undefined;
  }
}
