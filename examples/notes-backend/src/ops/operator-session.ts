/** What is found out, and counted, from the first watcher to the last. @module */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { FieldEncryptor } from '@bytelyst/field-encrypt';
import type { ReadinessProbe, ReadinessReport } from '../diagnostics/readiness.js';
import { readAuditTail, type AuditTail } from './audit-tail.js';
import { DiagnosticsCounts, type Counts } from './diagnostics-counts.js';
import { nextSteps, type NextStep } from './next-steps.js';
import { Repeating } from './repeating.js';
import { RowHistory, type Point } from './row-history.js';
import { StoreWatch, type Progress, type Rotation, type Rows } from './store-watch.js';

export interface OperatorState {
  readonly product: string;
  readonly rotation: Rotation | undefined;
  readonly rows: Rows | undefined;
  readonly progress: Progress | undefined;
  readonly counts: Counts;
  readonly readiness: ReadinessReport | undefined;
  /** There is an `AUDIT_FILE`. */
  readonly isAudited: boolean;
  /** Absent until it is read. */
  readonly audit: AuditTail | undefined;
  readonly nextSteps: readonly NextStep[];
}

/** The data of an event. */
export interface OperatorUpdate {
  readonly state: OperatorState;
  /** The plot begins anew: the watcher knows nothing, or something else. */
  readonly isWhole: boolean;
  readonly versions: readonly string[];
  /** Since the last event that the watcher has seen. */
  readonly points: readonly Point[];
}

export interface SessionParts {
  readonly encryptor: FieldEncryptor;
  readonly readiness: ReadinessProbe;
  readonly auditFile: string | undefined;
}

const SECOND = 1_000;

export class OperatorSession {
  /** Emits `change` for each revision. */
  readonly changes: EventEmitter = new EventEmitter().setMaxListeners(0);
  readonly #id = randomUUID();
  readonly #parts: SessionParts;
  readonly #counts = new DiagnosticsCounts();
  readonly #store: StoreWatch;
  readonly #history = new RowHistory();
  readonly #work: readonly Repeating[];
  #readiness: ReadinessReport | undefined;
  #audit: AuditTail | undefined;
  #published = '';
  #revision = 0;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#store = new StoreWatch(parts.encryptor);
    this.#work = [
      new Repeating({ pauseMs: SECOND, work: (signal) => this.#lookAtStore(signal) }),
      // Each report may ask the vault: the probe itself answers from its cache for READINESS_CACHE_MS.
      new Repeating({ pauseMs: 10 * SECOND, work: () => this.#askReadiness() }),
      new Repeating({ pauseMs: 2 * SECOND, work: () => this.#readAudit() }),
      new Repeating({
        pauseMs: SECOND,
        work: () => {
          this.#publish();
        },
      }),
    ];
  }

  /** Of the newest state; 0 where there is none yet. */
  get revision(): number {
    return this.#revision;
  }

  start(): void {
    this.#counts.start();
    for (const each of this.#work) void each.start();
  }

  stop(): void {
    for (const each of this.#work) each.stop();
    this.#counts.stop();
  }

  /** The newest state, with the points of the plot after that revision, or all of them. */
  eventAfter(known: number | undefined): string {
    const update = {
      isWhole: known === undefined,
      versions: this.#history.versions,
      points: this.#history.pointsAfter(known),
    };
    const rest = JSON.stringify(update).slice(1);
    const id = `${this.#id}.${String(this.#revision)}`;
    return `id: ${id}\nevent: update\ndata: {"state":${this.#published},${rest}\n\n`;
  }

  /** @returns `undefined` for an id of another session. */
  revisionIn(id: string | undefined): number | undefined {
    const [session, revision = ''] = id?.split('.') ?? [];
    return session === this.#id && /^\d{1,15}$/.test(revision) ? Number(revision) : undefined;
  }

  async #lookAtStore(signal: AbortSignal): Promise<void> {
    const isCounted = await this.#store.look(signal);
    const { rows } = this.#store.seen;
    if (!isCounted || !rows) return;
    const live = rows.versions.map(({ mekVersion, live: count }) => [mekVersion, count] as const);
    this.#history.add(Date.parse(rows.at), sums(live), this.#revision + 1);
    this.#publish();
  }

  async #askReadiness(): Promise<void> {
    this.#readiness = await this.#parts.readiness.report();
  }

  async #readAudit(): Promise<void> {
    const { auditFile } = this.#parts;
    if (auditFile === undefined) return;
    const before = this.#audit;
    this.#audit = await readAuditTail(auditFile);
    const latest = operationIn(this.#audit);
    if (before && latest && latest !== operationIn(before)) this.#store.expectChange();
  }

  #publish(): void {
    const { rows, failure } = this.#store.seen;
    // Until something is known there is nothing to show.
    if (!rows && failure === undefined) return;
    const state = JSON.stringify(this.#state());
    if (state === this.#published) return;
    this.#published = state;
    this.#revision += 1;
    this.changes.emit('change');
  }

  #state(): OperatorState {
    const { encryptor, auditFile } = this.#parts;
    const { product } = encryptor;
    const { seen } = this.#store;
    const { counts } = this.#counts;
    const readiness = this.#readiness;
    const isRunningHere = isInWork(counts.run?.event);
    return {
      product,
      rotation: seen.rotation,
      rows: seen.rows,
      progress: seen.progress,
      counts,
      readiness,
      isAudited: auditFile !== undefined,
      audit: this.#audit,
      nextSteps: nextSteps({ ...seen, product, readiness, isRunningHere, now: Date.now() }),
    };
  }
}

function isInWork(event: string | undefined): boolean {
  return event !== undefined && event !== 'finished' && event !== 'stopped';
}

/** The latest event of a run: deletions of notes alone change few rows. */
function operationIn({ events }: AuditTail): string | undefined {
  return events.find(({ what }) => what.startsWith('operation.'))?.id;
}

/** Two key providers may have versions of one name. */
function sums(counts: readonly (readonly [string, number])[]): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const [name, count] of counts) found.set(name, (found.get(name) ?? 0) + count);
  return found;
}
