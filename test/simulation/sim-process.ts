import type { DocumentOperation } from './ledger.js';
import type { ProcessClock } from './process-clock.js';

export type Role =
  | 'backfill'
  | 'careful writer'
  | 'inspector'
  | 'judge'
  | 'old writer'
  | 'operator'
  | 'pruner'
  | 'reader'
  | 're-encrypter'
  | 'rewrapper'
  | 'shredder'
  | 'writer';

/** One life of an actor: it ends with a crash, and what it sent may still arrive. */
export class SimProcess {
  readonly name: string;
  readonly role: Role;
  readonly clock: ProcessClock;
  isAlive = true;
  /** Nothing that it sent arrives any more. */
  isCutOff = false;
  calls = 0;
  diesAtCall = Infinity;
  /** Faults that it received. */
  faults = 0;
  /** Reads of the record that were answered with an earlier one. */
  lateRecords = 0;
  /** The change of a document that it is about. */
  operation: DocumentOperation | undefined;
  /** Each new wrap is to be unwrapped again before it is stored. */
  verifies = false;
  /** One of them is, before any is stored. */
  verifiesFirst = false;
  /** Rows may go back to the wrap that they kept, without a look at it. */
  mayFlip = false;
  /** It was asked to stop: it may finish what it began, and begin nothing. */
  isAborted = false;
  /** It is to write nothing. */
  isRehearsing = false;
  /** Its iterator has ended: it has nothing to send. */
  isIdle = false;
  shredsBegun = 0;
  shredsEnded = 0;
  /** Rows that it made by creates that it waited for. */
  readonly creates = new Set<string>();
  /** When its last shred of the document resolved. */
  readonly shreddedAtMs = new Map<string, number>();
  /** False while all that it does began before a shred that has resolved. */
  mayCreate = true;

  /** When the newest read of the record that it was answered was sent. */
  recordReadAtMs = -Infinity;
  /** When it was last told what the record says. */
  recordToldAtMs = -Infinity;
  /** When the newest read was sent by the fence that the record gave. */
  readonly #fenceReadAtMs = new Map<number, number>();
  /** When it was last told that the rotation is complete. */
  toldCompleteAtMs = -Infinity;
  /** When it was first told that the epoch is being fenced. */
  readonly sawFencingAtMs = new Map<number, number>();
  /** When the newest read was sent that showed it the row as active. */
  readonly sawActiveAtMs = new Map<string, number>();
  /** Wraps that it unwrapped in its present run. */
  readonly unwrapped = new Set<string>();
  /** Wraps of DEKs that it made in its present run. */
  readonly wrapped = new Set<string>();
  /** When it last sent an unwrap of the DEK, or made it. */
  readonly hadDekAtMs = new Map<string, number>();
  /** Wraps that it waits for. */
  readonly unwrapping = new Set<string>();
  /** Ciphertexts that it wrote for so long that it has to look at their rows again, and since when. */
  readonly toConfirm = new Map<string, { readonly dekId: string; readonly atMs: number }>();
  /** DEKs whose MEK refused it, and those of them whose rows it read again. */
  readonly refused = new Set<string>();
  readonly readAgain = new Set<string>();
  /** Rows that it made with a copy of the record that had grown old by the answer. */
  readonly lateRows = new Map<string, number>();

  constructor(name: string, role: Role, clock: ProcessClock) {
    this.name = name;
    this.role = role;
    this.clock = clock;
  }

  /** It was given a copy of the record. */
  readRecord(sentAtMs: number, fenceTtlMs: number): void {
    this.recordReadAtMs = Math.max(this.recordReadAtMs, sentAtMs);
    const before = this.#fenceReadAtMs.get(fenceTtlMs) ?? -Infinity;
    this.#fenceReadAtMs.set(fenceTtlMs, Math.max(before, sentAtMs));
  }

  /** Whether one of its copies of the record is young enough to act on. */
  hasFreshRecord(nowMs: number): boolean {
    return this.#mayActOn(({ fenceMs, readAtMs }) => nowMs - readAtMs < fenceMs);
  }

  /** Whether it may still act on what it read then; a DEK is held for a fence after the record was read. */
  mayActOn(ageMs: number, nowMs: number): boolean {
    return this.#mayActOn(
      ({ fenceMs, readAtMs }) => ageMs < fenceMs && nowMs - readAtMs < 2 * fenceMs,
    );
  }

  #mayActOn(
    isWithin: (copy: { readonly fenceMs: number; readonly readAtMs: number }) => boolean,
  ): boolean {
    const copies = [...this.#fenceReadAtMs].map(([fenceMs, readAtMs]) => ({ fenceMs, readAtMs }));
    return copies.some(isWithin);
  }
}
