import type { Mutant } from './mutants.js';

/** Faults of what operators do beside rotating: go back, prune, retire, recover, authenticate, share. */
export const OPERATION_MUTANTS: readonly Mutant[] = [
  {
    name: 'a flip keeps nothing of the wrap that makes room',
    patches: [
      {
        file: 'format/dek-row.ts',
        from: '...wrapIn(previousWrap), epoch, rewrappedAt, previousWrap: primaryWrap(row) };',
        to: '...wrapIn(previousWrap), epoch, rewrappedAt };',
      },
    ],
  },
  {
    name: 'a flip brings back the epoch of the wrap that it brings back',
    patches: [
      {
        file: 'format/dek-row.ts',
        from: '...wrapIn(previousWrap), epoch, rewrappedAt, previousWrap: primaryWrap(row) };',
        to: '...wrapIn(previousWrap), epoch: Math.min(epoch, previousWrap.epoch), rewrappedAt, previousWrap: primaryWrap(row) };',
      },
    ],
  },
  {
    name: 'a rollback flips whatever wrap a row has kept',
    patches: [
      {
        file: 'rotation/rotation.ts',
        from: 'if (rollback && row.previousWrap && isSameMek(row.previousWrap, target)) return',
        to: 'if (rollback && row.previousWrap) return',
      },
    ],
  },
  {
    name: 'flips that are to be verified are not',
    patches: [
      {
        file: 'rotation/row-rewrapper.ts',
        from: 'this.#policy.rollback?.verifyFlips && !(await opensFromPrevious(this.#context, row));',
        to: 'this.#policy.rollback?.verifyFlips && !opensFromPrevious;',
      },
    ],
  },
  {
    name: 'a previous wrap is pruned though the primary was not opened',
    patches: [
      {
        file: 'maintenance/prune-previous-wraps.ts',
        from: '    await requireOpens(context, row);\n',
        to: '',
      },
    ],
  },
  {
    name: 'previous wraps are pruned while a rotation is under way',
    patches: [
      {
        file: 'maintenance/prune-previous-wraps.ts',
        from: "if (record.state !== 'complete') throw unfinished(record);",
        to: '',
      },
    ],
  },
  {
    name: 'a pruning looks at the rotation once',
    patches: [
      {
        file: 'maintenance/maintain-rows.ts',
        from: 'afterPage: () => kind.afterRead(),',
        to: 'afterPage: () => Promise.resolve(),',
      },
      {
        file: 'maintenance/maintain-rows.ts',
        from: 'if (requireAllowed) await context',
        to: 'if (requireAllowed && !context) await context',
      },
    ],
  },
  {
    name: 'a version is retired without a wait of its own',
    patches: [
      {
        file: 'inspection/assert-retirable.ts',
        from: 'const waitedMs = await wait(context, anchor);',
        to: 'const waitedMs = anchor ? 0 : await wait(context, anchor);',
      },
    ],
  },
  {
    name: 'a version is retired that rows are under',
    patches: [
      {
        file: 'inspection/retirement-scan.ts',
        from: "...rowsReason('rows', this.#under),",
        to: '',
      },
      {
        file: 'inspection/retirement-scan.ts',
        from: '...(isSameMek(record, this.#mek) ? [currentTargetReason(true)] : []),',
        to: '',
      },
    ],
  },
  {
    name: 'a version is retired that rows keep a wrap under',
    patches: [
      {
        file: 'inspection/retirement-scan.ts',
        from: 'if (previousWrap && isSameMek(previousWrap, this.#mek)) this.#previousWraps.add(id);',
        to: '',
      },
    ],
  },
  {
    name: 'a version is retired though rows are behind the rotation',
    patches: [
      {
        file: 'inspection/retirement-scan.ts',
        from: "      ...rowsReason('rows-behind', this.#behind),\n",
        to: '',
      },
      {
        file: 'inspection/retirement-scan.ts',
        from: "      ...rowsReason('rows', this.#under),\n",
        to: '',
      },
    ],
  },
  {
    name: 'a record without a mac is taken',
    patches: [
      {
        file: 'store/record-seal.ts',
        from: 'if (this.acceptsUnauthenticated) return { value };',
        to: 'if (name) return { value };',
      },
    ],
  },
  {
    name: 'the mac of a record is not checked',
    patches: [
      {
        file: 'store/record-seal.ts',
        from: 'if (!isDigest(mac) || !isMacOf(key, record, mac as string)) throw forged(name);',
        to: 'if (!isDigest(mac) || !isMacOf(key, record, mac as string)) void forged;',
      },
    ],
  },
  {
    name: 'what is lost is counted in every scan',
    patches: [
      {
        file: 'recovery/recover-deks.ts',
        from: "if (event.type === 'pass') losses = { ...NO_LOSSES };",
        to: '',
      },
    ],
  },
  {
    name: 'a recovered DEK is not compared with what its row commits to',
    patches: [
      {
        file: 'recovery/recovery-opening.ts',
        from: 'const isDek = bytes.length === DEK_BYTES;',
        to: 'const isDek = bytes.length === DEK_BYTES; if (isDek) return bytes;',
      },
    ],
  },
  {
    name: 'a DEK whose recovery wrap does not open is given up',
    patches: [
      {
        file: 'recovery/recovery-opening.ts',
        from: 'const wraps = [primaryWrap(row), ...(row.previousWrap ? [row.previousWrap] : [])];',
        to: 'const wraps = [primaryWrap(row)];',
      },
    ],
  },
  {
    name: 'a worker that is done with its shard takes the rotation for done',
    patches: [
      {
        file: 'rotation/rewrap-run.ts',
        from: 'if (counter.disturbed === 0) this.#stages.shift();\n      return false;',
        to: 'if (counter.disturbed > 0) return false;\n      this.#stages.shift();\n      return true;',
      },
    ],
  },
  {
    name: 'a worker never takes what was assigned to others',
    patches: [
      {
        file: 'rotation/rewrap-run.ts',
        from: 'if (this.#before && isOver(this.#before, counter)) return true;',
        to: 'if (counter.disturbed === 0) return true;',
      },
      {
        file: 'rotation/rewrap-run.ts',
        from: 'return [{ shard }, ...deals, { inOrder }]',
        to: 'return [{ shard }, ...deals, ...deals.slice(0, inOrder.length)]',
      },
    ],
  },
];
