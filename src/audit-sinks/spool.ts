/** Events on disk that wait to be sent: those of this process, and those of processes that are gone. @module */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../async/clock.js';
import { AdoptedSegment } from './adopted-segment.js';
import { auditFull } from './audit-failure.js';
import { makeFolders, OWNER_ALONE, removeFile } from './durable-files.js';
import { appendLines, type EventLine } from './event-line.js';
import { FileHolder, isHolderGone } from './file-holder.js';
import { GroupCommit, type Refused } from './group-commit.js';
import { Heartbeat } from './heartbeat.js';
import { OpenOperations } from './open-operations.js';
import { OwnSegment } from './own-segment.js';
import {
  cursorKeysIn,
  cursorPath,
  measureWaiting,
  spoolFilesIn,
  type Waiting,
} from './spool-file.js';

/** One part of `maxBytes` is kept for events of operations that have begun. */
const RESERVED_PART = 8;
const MOST_SPENT_BYTES = 2 ** 20;
/** The bytes of other processes are counted again after this. */
const COUNTED_FOR_MS = 1_000;
/** Lines that are no events, from a disk that is damaged. */
const DAMAGED_FILE = 'damaged.jsonl';

interface SpoolOptions {
  readonly folder: string;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly lastFailure: () => string | undefined;
}

export interface WaitingLine {
  readonly line: Buffer;
  readonly acknowledge: () => Promise<void>;
}

export class Spool {
  readonly #options: SpoolOptions;
  readonly #holder: FileHolder = new FileHolder();
  readonly #own: OwnSegment;
  readonly #heartbeat: Heartbeat;
  readonly #commits: GroupCommit<EventLine>;
  readonly operations: OpenOperations;
  #adopted: readonly AdoptedSegment[] = [];
  #others = { bytes: 0, atMs: -Infinity };

  constructor(options: SpoolOptions) {
    const { folder, clock, maxBytes } = options;
    const holder = this.#holder;
    const mostSpentBytes = Math.min(MOST_SPENT_BYTES, Math.floor(maxBytes / RESERVED_PART));
    this.#options = options;
    this.#own = new OwnSegment({ folder, holder, clock, mostSpentBytes });
    this.operations = new OpenOperations(folder, holder, clock);
    this.#heartbeat = new Heartbeat(clock, () => this.#ownPaths());
    this.#commits = new GroupCommit((lines) => this.#append(lines));
  }

  write(line: EventLine): Promise<void> {
    this.#heartbeat.start();
    return this.#commits.write(line);
  }

  /** Takes over what processes left that are gone. */
  async adopt(): Promise<void> {
    const { folder, clock } = this.#options;
    // Before its cursor there is a file, so one that is not found afterwards was sent.
    const cursors = await cursorKeysIn(folder);
    const files = await spoolFilesIn(folder);
    const wallMs = clock.wallMs();
    for (const file of files) {
      if (!isHolderGone(file, wallMs - file.mtimeMs)) continue;
      const segment = await AdoptedSegment.take(file, { folder, holder: this.#holder, wallMs });
      if (segment) this.#adopted = [...this.#adopted, segment];
    }
    this.#adopted = [...this.#adopted].sort((one, other) => (one.key < other.key ? -1 : 1));
    if (this.#adopted.length > 0) this.#heartbeat.start();
    const keys = new Set(files.map(({ key }) => key));
    for (const key of cursors) if (!keys.has(key)) await removeFile(cursorPath(folder, key));
  }

  /** The next to be sent: what was left behind comes first. */
  async next(): Promise<WaitingLine | undefined> {
    for (let first = this.#adopted[0]; first; first = this.#adopted[0]) {
      const segment = first;
      const found = await segment.nextLine();
      if (found) return { line: found.line, acknowledge: () => segment.acknowledge(found.end) };
      this.#adopted = this.#adopted.slice(1);
      await segment.remove();
    }
    const found = await this.#own.nextLine();
    return found && { line: found.line, acknowledge: () => this.#acknowledgeOwn(found.end) };
  }

  /** Keeps bytes that cannot be sent: no event is dropped unseen. */
  async setAside(line: Buffer): Promise<void> {
    const bytes = Buffer.concat([line, Buffer.from('\n')]);
    await appendFile(join(this.#options.folder, DAMAGED_FILE), bytes, { mode: OWNER_ALONE });
  }

  /** What waits in the folder, that of other processes too. */
  async backlog(): Promise<Waiting> {
    const { folder } = this.#options;
    let [events, bytes, oldestAt] = [0, 0, undefined as string | undefined];
    for (const file of await spoolFilesIn(folder)) {
      const waiting = await measureWaiting(folder, file);
      events += waiting.events;
      bytes += waiting.bytes;
      const at = waiting.oldestAt;
      if (at !== undefined && (oldestAt === undefined || at < oldestAt)) oldestAt = at;
    }
    return { events, bytes, ...(oldestAt !== undefined && { oldestAt }) };
  }

  /** Resolves once everything that was passed to `write` is durable, or refused. */
  settled(): Promise<void> {
    return this.#commits.alone(() => Promise.resolve());
  }

  async close(): Promise<void> {
    this.#heartbeat.stop();
    await this.#commits.alone(() => this.#own.close());
    for (const segment of this.#adopted) await segment.close();
    this.#adopted = [];
    this.#holder.release();
  }

  async #append(lines: readonly EventLine[]): Promise<Refused<EventLine>> {
    const refused = await this.#refused(lines);
    const taken = lines.filter((line) => !refused.has(line));
    if (taken.length > 0) {
      await makeFolders(this.#options.folder);
      await appendLines(taken, this.operations, (bytes) => this.#own.append(bytes));
    }
    return refused;
  }

  /** What has begun can end, in the part that is reserved for it. */
  async #refused(lines: readonly EventLine[]): Promise<Refused<EventLine>> {
    const { folder, maxBytes, lastFailure } = this.#options;
    const refused = new Map<EventLine, Error>();
    let bytes = await this.#waitingBytes();
    for (const line of lines) {
      const reserved = line.opens === undefined ? 0 : Math.floor(maxBytes / RESERVED_PART);
      if (bytes + line.bytes.length <= maxBytes - reserved) bytes += line.bytes.length;
      else refused.set(line, auditFull({ folder, bytes, maxBytes, lastFailure: lastFailure() }));
    }
    return refused;
  }

  async #waitingBytes(): Promise<number> {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#others.atMs >= COUNTED_FOR_MS) {
      this.#others = { bytes: await this.#bytesOfOthers(), atMs: nowMs };
    }
    const adopted = this.#adopted.reduce((sum, { waitingBytes }) => sum + waitingBytes, 0);
    return this.#own.waitingBytes + adopted + this.#others.bytes;
  }

  async #bytesOfOthers(): Promise<number> {
    const { folder } = this.#options;
    let bytes = 0;
    for (const file of await spoolFilesIn(folder)) {
      if (this.#holder.owns(file)) continue;
      const waiting = await measureWaiting(folder, file);
      bytes += waiting.bytes;
    }
    return bytes;
  }

  async #acknowledgeOwn(end: number): Promise<void> {
    await this.#own.acknowledge(end);
    if (this.#own.needsCompaction) await this.#commits.alone(() => this.#own.compact());
  }

  *#ownPaths(): Generator<string> {
    if (this.#own.path !== undefined) yield this.#own.path;
    for (const { path } of this.#adopted) yield path;
    yield* this.operations.paths();
  }
}
