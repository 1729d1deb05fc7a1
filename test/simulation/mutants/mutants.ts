import { GUARD_MUTANTS } from './guard-mutants.js';
import { OPERATION_MUTANTS } from './operation-mutants.js';
import { RESTORE_MUTANTS } from './restore-mutants.js';
import { SHRED_MUTANTS } from './shred-mutants.js';

/** One place of `src`, found by its exact text. */
export interface Patch {
  /** Below `src`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A possible fault in the code that a seed has to find. */
export interface Mutant {
  readonly name: string;
  readonly patches: readonly Patch[];
}

/** Text that stands just once in its file; what stands no more has to be written anew. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'no epoch guard: a rewrapper goes on after another has taken over',
    patches: [
      {
        file: 'rotation/rotation.ts',
        from: 'if (copy?.record.epoch !== this.epoch) throw superseded(this.epoch, copy?.record);',
        to: 'if (!copy) throw superseded(this.epoch, copy);',
      },
    ],
  },
  {
    name: 'rows of a later epoch are taken for older ones',
    patches: [
      {
        file: 'rotation/rotation.ts',
        from: "if (row.epoch > epoch) return 'ahead';",
        to: '',
      },
    ],
  },
  {
    name: 'upsert for replace: the etag of a row is ignored',
    patches: [
      {
        file: 'run/change-row.ts',
        from: 'await dekStore.replace(next, etag);',
        to: 'const now = await dekStore.get(next.id); await dekStore.replace(next, now?.etag ?? etag);',
      },
    ],
  },
  {
    name: 'no fence before the rows',
    patches: [
      {
        file: 'rotation/rewrap-run.ts',
        from: 'yield* waitForWriters(context, copy.record);',
        to: '',
      },
    ],
  },
  {
    name: 'a fence that leaves out how late reads may be',
    patches: [
      {
        file: 'run/wait-for-writers.ts',
        from: 'const waitMs = lagMs + fenceMs(record) + lagMs;',
        to: 'const waitMs = Math.max(lagMs * 0, fenceMs(record));',
      },
    ],
  },
  {
    name: 'a cache put without a generation check',
    patches: [
      {
        file: 'async/abort.ts',
        from: 'if (this.#flights.get(key) === flight) keep(value);',
        to: 'keep(value);',
      },
      {
        file: 'dek/dek-cache.ts',
        from: '    if (dek.token.isShredded) return;\n',
        to: '',
      },
    ],
  },
  {
    name: 'a cache that never forgets',
    patches: [
      {
        file: 'async/expiring-map.ts',
        from: 'if (elapsedBetween(entry.since, now) < this.#ttlMs) return entry.value;',
        to: 'if (now) return entry.value;',
      },
      {
        file: 'async/expiring-map.ts',
        from: '{ ttl: left }',
        to: '{ ttl: 86_400_000 }',
      },
    ],
  },
  {
    name: 'each of concurrent misses asks the vault',
    patches: [
      {
        file: 'async/abort.ts',
        from: 'this.#flights.get(key) ?? this.#start(key, work, keep)',
        to: 'this.#start(key, work, keep)',
      },
    ],
  },
  {
    name: 'no commitment check',
    patches: [
      {
        file: 'dek/dek-wraps.ts',
        from: 'return timingSafeEqual(Buffer.from(commitment), Buffer.from(row.commitment));',
        to: 'return timingSafeEqual(Buffer.from(commitment), Buffer.from(commitment)) || !row;',
      },
    ],
  },
  {
    name: 'one pass only',
    patches: [
      {
        file: 'rotation/rewrap-run.ts',
        from: 'isOverAfter: (counter) => stages.isOverAfter(counter),',
        to: 'isOverAfter: () => true,',
      },
    ],
  },
  {
    name: 'no scan to verify',
    patches: [
      {
        file: 'rotation/rewrap-run.ts',
        from: 'return before.isClean || !last.isClean;',
        to: 'return true;',
      },
      {
        file: 'rotation/rewrap-run.ts',
        from: 'if (this.#before && isOver(this.#before, counter)) return true;',
        to: 'if (isOver(this.#before ?? counter, counter)) return true;',
      },
    ],
  },
  {
    name: '412 taken for success',
    patches: [
      {
        file: 'run/change-row.ts',
        from: 'return tryWrite(write, () => isStored(dekStore, next, etag));',
        to: 'return tryWrite(write, () => isStored(dekStore, next, etag)).then(() => true);',
      },
    ],
  },
  {
    name: 'new wraps are not opened again before they replace the old',
    patches: [
      {
        file: 'rotation/row-rewrapper.ts',
        from: "if (verify === 'all') await this.#unwrapAgain(next);",
        to: "if (verify !== 'all') await this.#unwrapAgain(next);",
      },
    ],
  },
  {
    name: 'the previous wrap is dropped',
    patches: [
      {
        file: 'format/dek-row.ts',
        from: '...(previousWrap && { previousWrap }),',
        to: '...(previousWrap && row.previousWrap && { previousWrap }),',
      },
    ],
  },
  {
    name: 'rows on the target keep their epoch',
    patches: [
      {
        file: 'rotation/rotation.ts',
        from: "return row.epoch === epoch ? 'unchanged' : 'move-epoch';",
        to: "return 'unchanged';",
      },
    ],
  },
  {
    name: 'the record is not read again after a page, nor when it is old',
    patches: [
      {
        file: 'rotation/rewrap-run.ts',
        from: 'afterPage: () => rotation.read()',
        to: 'afterPage: () => Promise.resolve()',
      },
      {
        file: 'rotation/rotation.ts',
        from: 'return this.#records.requireFresh(() => this.read(), this.epoch);',
        to: 'return Promise.resolve();',
      },
    ],
  },
  {
    name: 'a DEK is created with any cached copy of the record',
    patches: [
      {
        file: 'dek/dek-creator.ts',
        from: 'if (this.#parts.records.isFresh(copy)) return copy;',
        to: 'if (copy.etag) return copy;',
      },
    ],
  },
  {
    name: 'a create that was answered late is not handled',
    patches: [
      {
        file: 'dek/new-row-rotation.ts',
        from: 'if (records.isFresh(copy)) return written.row;',
        to: 'if (written.row) return written.row;',
      },
    ],
  },
  {
    name: 'writers seal by rows however old',
    patches: [
      {
        file: 'dek/scope-rows.ts',
        from: 'return listing && elapsedBetween(listing.readAt, now) < fenceTtlMs ? listing : undefined;',
        to: 'return listing && elapsedBetween(listing.readAt, now) < fenceTtlMs * 60 ? listing : undefined;',
      },
      {
        file: 'dek/scope-rows.ts',
        from: 'return elapsedMs(this.#context.clock, readAt) < fenceTtlMs;',
        to: 'return elapsedMs(this.#context.clock, readAt) < fenceTtlMs * 60;',
      },
    ],
  },
  {
    name: 'a write that landed late is not confirmed',
    patches: [
      {
        file: 'dek/sealing-deks.ts',
        from: 'if (elapsedMs(clock, rowReadAt) < fenceTtlMs) return true;',
        to: 'if (elapsedMs(clock, rowReadAt) >= 0) return true;',
      },
    ],
  },
  {
    name: 'a re-encryption shreds without its wait',
    patches: [
      {
        file: 'migration/reencrypt-documents.ts',
        from: 'yield* waitUnderLease(context);',
        to: '',
      },
    ],
  },
  {
    name: 'documents are written without compare-and-set',
    patches: [
      {
        file: 'cipher/document-updater.ts',
        from: ': store.replace(write.document, etag, { signal });',
        to: ': lookUp(update).then((now) => store.replace(write.document, now?.etag ?? etag, { signal }));',
      },
    ],
  },
  {
    name: 'a change whose answer was lost is made again',
    patches: [
      {
        file: 'cipher/document-updater.ts',
        from: 'return tryWrite(send, async () => {',
        to: 'return send().catch((error: unknown) => { if (hasCode(error, "ALREADY_EXISTS", "ETAG_MISMATCH", "STORE_UNAVAILABLE")) return undefined; throw error; }); void tryWrite(send, async () => {',
      },
    ],
  },
  {
    name: 'a backfill that leaves documents with one plain field',
    patches: [
      {
        file: 'migration/backfill-documents.ts',
        from: 'if (!hasToMove(fields)) return undefined;',
        to: 'if (!hasToMove(fields) || fields.plain === 1) return undefined;',
      },
    ],
  },
  {
    name: 'mode strict lets plaintext through',
    patches: [
      {
        file: 'cipher/document-reader.ts',
        from: "if (passesPlaintext || stage === 'sealing') return 1;",
        to: 'if (passesPlaintext || path) return 1;',
      },
    ],
  },
  {
    name: 'a nonce is used again',
    patches: [
      {
        file: 'crypto/aes.ts',
        from: 'return nonces[used++] as Uint8Array;',
        to: 'used += 1; return nonces[0] as Uint8Array;',
      },
    ],
  },
  {
    name: 'generations that a restore may have lost are made again',
    patches: [
      {
        file: 'dek/dek-creator.ts',
        from: 'Math.max(highest + 1, generationFloor)',
        to: 'Math.max(highest + 1, 1)',
      },
    ],
  },
  {
    name: 'a rewrap goes on after it was left',
    patches: [
      {
        file: 'async/concurrency.ts',
        from: '    while (running > 0) await oneEnded();\n',
        to: '',
      },
    ],
  },
  {
    name: 'a shred that leaves what late reads have missed',
    patches: [
      {
        file: 'dek/scope-shredder.ts',
        from: 'if (sentMs >= seesAllMs) return shredded;',
        to: 'if (sentMs < Infinity) return shredded;',
      },
    ],
  },
  {
    name: 'a dry run that blames the record for a rotation beside it',
    patches: [
      {
        file: 'rotation/rewrap-dry-run.ts',
        from: 'if (record && record.epoch > epoch) throw superseded(epoch, record);',
        to: '',
      },
    ],
  },
  {
    name: 'a row that was read before it was rewrapped is not read again',
    patches: [
      {
        file: 'dek/dek-loader.ts',
        from: "if (!hasCode(error, 'MEK_DISABLED', 'MEK_VERSION_UNKNOWN', 'TAMPERED')) throw error;",
        to: 'if (error) throw error;',
      },
    ],
  },
  {
    name: 'a rotation is complete whatever its last scan has found',
    patches: [
      {
        file: 'rotation/rewrap-run.ts',
        from: 'if (tally.isClean) await complete(rotation, context);',
        to: 'await complete(rotation, context);',
      },
    ],
  },
  ...RESTORE_MUTANTS,
  ...OPERATION_MUTANTS,
  ...GUARD_MUTANTS,
  ...SHRED_MUTANTS,
];
