import { deepEqual, equal, ok } from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { DekRow, LiveDekRow } from '../../src/adapters.js';
import type { Envelope } from '../../src/index.js';
import {
  envelopesIn,
  FIELDS,
  isSealed,
  valueOf,
  type DocumentOperation,
  type SimDocument,
} from './ledger.js';
import { Oracle } from './oracle.js';
import type { Role, SimProcess } from './sim-process.js';
import type { Call } from './wire.js';

const MIGRATIONS = ['backfill', 're-encrypter'];

/** What must hold of documents, by any writer: I1, I3, I15 and I19. */
export class DocumentChecks {
  readonly #oracle = new Oracle();
  readonly #stored = new Map<string, SimDocument>();
  readonly #everStored = new Set<string>();
  readonly #everSent = new Set<string>();
  readonly #ciphertexts = new Map<string, string>();
  readonly #rowOf: (dekId: string) => DekRow | undefined;
  /** Erased on purpose, by the owner of the document. */
  readonly #isErased: (dekId: string) => boolean;

  constructor(rowOf: (dekId: string) => DekRow | undefined, isErased: (dekId: string) => boolean) {
    this.#rowOf = rowOf;
    this.#isErased = isErased;
  }

  /** As a write leaves its process. */
  onSend({ process, method, args, sentAtMs, operation, sealed }: Call): void {
    if (method !== 'create' && method !== 'replace') return;
    for (const [, { ct, dekId }] of envelopesIn(args[0] as SimDocument)) {
      if (this.#everStored.has(ct)) continue;
      ok(!this.#everSent.has(ct), `I15: ${process.name} sent an envelope of ${dekId} twice`);
      this.#everSent.add(ct);
      sealed.set(ct, dekId);
      operation?.ciphertexts.add(ct);
      if (process.role === 'writer') requireFreshRow(process, dekId, sentAtMs);
    }
  }

  /** As a write has changed what is stored. */
  onExecuted({ process, method, args, operation, fault }: Call): void {
    if (method === 'delete') {
      this.#stored.delete((args[0] as SimDocument).id);
      return;
    }
    if (method !== 'create' && method !== 'replace') return;
    const next = args[0] as SimDocument;
    const before = this.#stored.get(next.id);
    this.#stored.set(next.id, next);
    if (MIGRATIONS.includes(process.role)) requireContentKept(next, before, process.role);
    else if (operation) requireOneChange(next, before, operation);
    if (operation && fault === 'repeated') operation.wasRepeated = true;
    for (const [, { dekId, ct }] of envelopesIn(next)) this.#requireNewNonce(next.id, dekId, ct);
    this.requireReadable(next);
  }

  /** I1: whatever was acknowledged is what a reader would find. */
  requireReadable(document: SimDocument): void {
    for (const [field, envelope] of envelopesIn(document)) {
      const row = this.#rowOf(envelope.dekId);
      if (row?.state === 'shredded' && this.#isErased(row.id)) continue;
      ok(row, `I1: ${document.id} names ${envelope.dekId}, which has no row`);
      ok(row.state !== 'shredded', `I1: ${document.id} names ${row.id}, which was shredded`);
      const plain = this.#open(row, document.id, field, envelope);
      equal(plain, valueOf(field, document.revs[field]), `I1: ${document.id} reads differently`);
    }
  }

  /** I1: nothing stored needs a DEK that is destroyed. */
  requireUnused(dekId: string): void {
    for (const document of this.#stored.values()) {
      const isUsed = envelopesIn(document).some(([, envelope]) => envelope.dekId === dekId);
      ok(!isUsed, `I1: ${dekId} was shredded, and ${document.id} names it`);
    }
  }

  #open(row: LiveDekRow, id: string, field: 'body' | 'title', envelope: Envelope): string {
    try {
      return this.#oracle.open(row, id, field, envelope);
    } catch {
      throw new Error(`I1: the ${field} of ${id} does not open under ${row.id}`);
    }
  }

  #requireNewNonce(documentId: string, dekId: string, ct: string): void {
    this.#everStored.add(ct);
    const nonce = `${dekId} ${documentId} ${ct.slice(0, 16)}`;
    const known = this.#ciphertexts.get(nonce) ?? ct;
    equal(known, ct, `I15: a nonce was used twice under ${dekId}`);
    this.#ciphertexts.set(nonce, ct);
  }
}

/** I5: a writer seals under a row that it was given as active within the fence, and no other. */
export function requireFreshRow(process: SimProcess, dekId: string, nowMs: number): void {
  const ageMs = nowMs - (process.sawActiveAtMs.get(dekId) ?? -Infinity);
  const isFresh = process.mayActOn(ageMs, nowMs);
  ok(isFresh, `I5: ${process.name} sealed under ${dekId} by a row that is old`);
}

/** I3 and I19: a migration changes how the declared fields are stored, and nothing else. */
function requireContentKept(next: SimDocument, before: SimDocument | undefined, role: Role): void {
  ok(before, `I19: a migration made ${next.id}`);
  const { title, body } = before;
  deepEqual({ ...next, title, body }, before, `I19: a migration changed ${next.id}`);
  // Where nothing else is to be done, a re-encryption gives the document a new etag.
  if (role === 're-encrypter' && isDeepStrictEqual(next, before)) return;
  const isWhole = FIELDS.every((field) => isSealed(next[field]));
  ok(isWhole, `I19: a migration left plaintext in ${next.id}`);
}

/** I19: exactly the change that was asked for, once, over whatever else is stored. */
function requireOneChange(
  next: SimDocument,
  before: SimDocument | undefined,
  operation: DocumentOperation,
): void {
  const { field, rev, id } = operation;
  equal(next.id, id, 'I19: another document was written');
  if (before && before.revs[field] === next.revs[field]) {
    deepEqual(next.revs, before.revs, `I19: an update of ${id} was overwritten`);
    return;
  }
  const isKnown = operation.hasLanded && !operation.wasRepeated;
  ok(!isKnown, `I19: a change of ${id} was made twice`);
  operation.hasLanded = true;
  const others = before?.revs ?? { title: rev, body: rev };
  deepEqual(next.revs, { ...others, [field]: rev }, `I19: an update of ${id} was overwritten`);
}
