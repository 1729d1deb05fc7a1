import type { Mutant } from './mutants.js';

/** Faults of what guards fences, late writers, epochs and first verifications. */
export const GUARD_MUTANTS: readonly Mutant[] = [
  {
    name: 'who joins a rotation does not wait for its fence',
    patches: [
      {
        file: 'rotation/rewrap-run.ts',
        from: 'yield* passFence(rotation, context);',
        to: 'if (!joined) yield* passFence(rotation, context);',
      },
    ],
  },
  {
    name: 'a wait leaves out the fence that is being drained',
    patches: [
      {
        file: 'rotation/fence.ts',
        from: 'return Math.max(fenceTtlMs, drainTtlMs);',
        to: 'return Math.max(fenceTtlMs, drainTtlMs * 0);',
      },
    ],
  },
  {
    name: 'a process goes by its own fence and not by that of the record',
    patches: [
      {
        file: 'rotation/record-reader.ts',
        from: 'elapsedBetween(copy.readAt, now) < copy.record.fenceTtlMs',
        to: 'elapsedBetween(copy.readAt, now) < this.#options.fenceTtlMs',
      },
    ],
  },
  {
    name: 'a writer seals by the fence of a record that came too late',
    patches: [
      {
        file: 'dek/sealing-deks.ts',
        from: 'const fenceMs = this.#records.freshCopy()?.record.fenceTtlMs ?? 0;',
        to: 'const fenceMs = fenceTtlMs;',
      },
    ],
  },
  {
    name: 'a row that was made late has its epoch moved, and never its wrap',
    patches: [
      {
        file: 'dek/new-row-upkeep.ts',
        from: 'if (isSameMek(row, record)) return { ...row, epoch };',
        to: 'if (isSameMek(row, record) || epoch > row.epoch) return { ...row, epoch };',
      },
    ],
  },
  {
    name: 'a flip without a look at the record',
    patches: [
      {
        file: 'rotation/row-rewrapper.ts',
        from: 'const next = flippedRow(row, { previousWrap, epoch, rewrappedAt: timestampOf(clock) });\n    if (!(await this.#replace(next, etag))) return undefined;',
        to: `const next = flippedRow(row, { previousWrap, epoch, rewrappedAt: timestampOf(clock) });
    try {
      await this.#context.dekStore.replace(next, etag);
    } catch (error) {
      if (!(await this.#isStored(next))) {
        if (hasCode(error, 'ETAG_MISMATCH')) return undefined;
        throw error;
      }
    }`,
      },
    ],
  },
  {
    name: 'of wraps that are made at once none waits for the first that is verified',
    patches: [
      {
        file: 'rotation/row-rewrapper.ts',
        from: 'while (this.#firstVerified) if (await this.#firstVerified) return;',
        to: 'if (this.#firstVerified) return;',
      },
    ],
  },
  {
    name: 'a record below one that was seen is followed',
    patches: [
      {
        file: 'rotation/record-reader.ts',
        from: 'return record.epoch >= this.#options.epochs.least;',
        to: 'return record.epoch >= Math.min(1, this.#options.epochs.least);',
      },
    ],
  },
  {
    name: 'a record that is behind is not read again',
    patches: [
      {
        file: 'rotation/record-reader.ts',
        from: 'const endMs = this.#behindSinceMs + (await dekStore.readLagMs({ signal }));',
        to: 'const endMs = this.#behindSinceMs - (await dekStore.readLagMs({ signal }));',
      },
    ],
  },
  {
    name: 'the epochs of rows count for nothing',
    patches: [
      {
        file: 'rotation/epochs-seen.ts',
        from: "if (this.#isHigher(epoch, item)) this.#set(epoch, { from: 'row', dekId });",
        to: "if (this.#isHigher(epoch, item) && epoch < 1) this.#set(epoch, { from: 'row', dekId });",
      },
    ],
  },
];
