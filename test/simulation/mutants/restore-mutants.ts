import type { Mutant } from './mutants.js';

/** Faults of what an operator does after a restore, and with the fence. */
export const RESTORE_MUTANTS: readonly Mutant[] = [
  {
    name: 'a restored store is adopted at an epoch that was seen before',
    patches: [
      {
        file: 'recovery/adopt-restored-store.ts',
        from: 'Math.max(seen.epoch, request.epochSeen, minimumEpoch) + 1',
        to: 'Math.max(seen.epoch, minimumEpoch) + 1',
      },
    ],
  },
  {
    name: 'a restored store keeps its floor of generations',
    patches: [
      {
        file: 'recovery/restored-items.ts',
        from: 'return this.#generation + 1 + UNSEEN_GENERATIONS;',
        to: 'return 1;',
      },
    ],
  },
  {
    name: 'what was shredded after the backup is not shredded again',
    patches: [
      {
        file: 'recovery/restored-items.ts',
        from: 'if (!isNamed(row, shredAgain)) {',
        to: 'if (dekId !== row.scopeId) {',
      },
    ],
  },
  {
    name: 'a restored store is adopted without a wait',
    patches: [
      {
        file: 'recovery/adopt-restored-store.ts',
        from: 'if (!dryRun) yield* waitForWriters(context, record);',
        to: '',
      },
    ],
  },
  {
    name: 'the dry run of an adoption shreds',
    patches: [
      {
        file: 'recovery/restored-items.ts',
        from: "if (dryRun) return { outcome: { type: 'would-change', dekId } };",
        to: 'if (dryRun && !row.product) return undefined;',
      },
    ],
  },
  {
    name: 'an adoption reports only what was shredded as missing',
    patches: [
      {
        file: 'recovery/restored-items.ts',
        from: 'if (!row || !isLive(row) || isNamed(row, shredAgain)) missing.push(dekId);',
        to: 'if (!row) continue;\n    if (!isLive(row)) missing.push(dekId);',
      },
    ],
  },
  {
    name: 'an imported row keeps the wrap of its copy',
    patches: [
      {
        file: 'recovery/row-import.ts',
        from: 'if (isSameMek(row, record) || request.dryRun) return row;',
        to: 'if (isSameMek(row, record) || !request.dryRun) return row;',
      },
    ],
  },
  {
    name: 'an imported row keeps the epoch of its copy',
    patches: [
      {
        file: 'recovery/row-import.ts',
        from: 'const next = { ...row, epoch: record.epoch };',
        to: 'const next = { ...row, epoch: Math.min(row.epoch, record.epoch) };',
      },
      {
        file: 'recovery/row-import.ts',
        from: 'const next = rewrappedRow(row, { ...wraps, epoch: record.epoch, rewrappedAt, previousWrap });',
        to: 'const next = rewrappedRow(row, { ...wraps, epoch: row.epoch, rewrappedAt, previousWrap });',
      },
    ],
  },
  {
    name: 'a fence is shortened, and no wait for the longer one',
    patches: [
      {
        file: 'format/rotation-record.ts',
        from: '...(longest > fenceTtlMs && { drainTtlMs: longest })',
        to: '...(longest < 0 && { drainTtlMs: longest })',
      },
    ],
  },
  {
    name: 'the longer fence is forgotten before it was waited out',
    patches: [
      {
        file: 'rotation/set-fence-ttl.ts',
        from: 'for await (const event of waitForWriters(context, copy.record)) onWait?.(event);',
        to: '',
      },
    ],
  },
  {
    name: 'a row that opens is given up',
    patches: [
      {
        file: 'recovery/dek-damage.ts',
        from: "if (state === 'opens') throw refused(exam, nothingLost(exam, stored));",
        to: 'void nothingLost;',
      },
    ],
  },
  {
    name: 'a row is given up without a confirmation',
    patches: [
      {
        file: 'recovery/abandon-dek.ts',
        from: 'if (confirm === undefined) return charge.inSummary<AbandonedDek>({ ...found, abandoned: false });',
        to: '',
      },
      {
        file: 'recovery/abandon-dek.ts',
        from: 'if (confirm !== digest) {',
        to: 'if (confirm === "") {',
      },
    ],
  },
];
