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
        file: 'run/wait-for-writers.ts',
        from: 'return Math.max(fenceTtlMs, drainTtlMs);',
        to: 'return Math.max(fenceTtlMs, drainTtlMs * 0);',
      },
    ],
  },
  {
    name: 'a process goes by its own fence and not by that of the record',
    patches: [
      {
        file: 'dek/record-reader.ts',
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
        from: 'const fenceMs = this.#parts.records.freshCopy()?.record.fenceTtlMs ?? 0;',
        to: 'const fenceMs = fenceTtlMs;',
      },
    ],
  },
  {
    name: 'a row that was made late has its epoch moved, and never its wrap',
    patches: [
      {
        file: 'dek/new-row-rotation.ts',
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
        from: 'return this.#changed(next, { from: mekIn(row), repaired: false, flipped: true });',
        to: `try {
      await this.#context.dekStore.replace(next, etag);
    } catch (error) {
      if (hasCode(error, 'ETAG_MISMATCH')) return undefined;
      throw error;
    }
    dekCache?.rewrapped(next);
    const facts = { from: mekIn(row), repaired: false, flipped: true };
    return { outcome: { type: 'changed', dekId: next.id, ...facts } };`,
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
        file: 'dek/record-reader.ts',
        from: 'return record.epoch >= this.#options.epochs.least;',
        to: 'return record.epoch >= Math.min(1, this.#options.epochs.least);',
      },
    ],
  },
  {
    name: 'a record that is behind is not read again',
    patches: [
      {
        file: 'dek/record-reader.ts',
        from: 'const endMs = this.#behindSinceMs + (await dekStore.readLagMs({ signal }));',
        to: 'const endMs = this.#behindSinceMs - (await dekStore.readLagMs({ signal }));',
      },
    ],
  },
  {
    name: 'rows on the target of an earlier epoch do not stand against a retirement',
    patches: [
      {
        file: 'inspection/retirement-scan.ts',
        from: 'else if (epoch < this.#record.epoch || !isSameMek(row, this.#record)) this.#behind.add(id);',
        to: 'else if (!isSameMek(row, this.#record)) this.#behind.add(id);',
      },
    ],
  },
  {
    name: 'the configured epoch of a process is not checked',
    patches: [
      {
        file: 'dek/dek-bounds.ts',
        from: 'this.#least = minimumEpoch;',
        to: 'this.#least = Math.min(minimumEpoch, 1);',
      },
    ],
  },
  {
    name: 'a row that a late read does not show is not read again',
    patches: [
      {
        file: 'dek/late-rows.ts',
        from: 'if (endMs <= sentMs) missing.delete(dekId);',
        to: 'if (endMs > 0) missing.delete(dekId);',
      },
    ],
  },
  {
    name: 'a re-encryption goes by the time at which rows say that they were made',
    patches: [
      {
        file: 'migration/dek-generations.ts',
        from: "isOld({ generation }: Pick<DekRow, 'generation'>): boolean {\n    return generation < this.#oldDeks.generationFloor;",
        to: 'isOld({ generation, createdAt }: DekRow): boolean {\n    return generation < this.#oldDeks.generationFloor && createdAt < this.#oldDeks.startedAt;',
      },
    ],
  },
  {
    name: 'a re-encryption leaves the floor of the record where it was',
    patches: [
      {
        file: 'migration/reencryption-floor.ts',
        from: '    await raiseGenerationFloor(parts, record.generationFloor);\n',
        to: '',
      },
    ],
  },
  {
    name: 'the epochs of rows count for nothing',
    patches: [
      {
        file: 'dek/dek-bounds.ts',
        from: "if (this.#isHigher(epoch, item)) this.#set(epoch, { from: 'row', dekId });",
        to: "if (this.#isHigher(epoch, item) && epoch < 1) this.#set(epoch, { from: 'row', dekId });",
      },
    ],
  },
];
