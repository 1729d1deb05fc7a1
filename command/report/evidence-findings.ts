/** What the evidence itself proves, or contradicts. @module */
import type { CensusMoment, Evidence } from './evidence-schema.js';
import type { Finding } from './mode-report.js';

export interface SeenEvidence {
  readonly mode: string;
  readonly writes: { readonly rows: boolean; readonly documents: boolean };
  readonly before: CensusMoment | undefined;
  readonly after: CensusMoment | undefined;
  readonly documents: Evidence['documents'];
}

export function evidenceFindings(seen: SeenEvidence): readonly Finding[] {
  return [...documentsFinding(seen), ...rowsFinding(seen), ...targetFinding(seen)];
}

/** Where the mode may not write documents, a call that does is a defect. */
function documentsFinding({ writes, documents }: SeenEvidence): readonly Finding[] {
  if (!writes.rows || writes.documents || !documents) return [];
  const check = 'documents-untouched';
  const { writeCalls } = documents;
  if (writeCalls === 0) {
    return [{ level: 'ok', check, message: 'The mode wrote to no document store' }];
  }
  const message = `The mode made ${String(writeCalls)} calls that write documents, and may make none`;
  return [{ level: 'fail', check, message }];
}

/** Rows are replaced, never removed: a shredded one stays as a tombstone. */
function rowsFinding({ before, after }: SeenEvidence): readonly Finding[] {
  if (!before || !after) return [];
  const check = 'rows-kept';
  const [was, is] = [before.census.rows, after.census.rows];
  const text = `${is.toLocaleString('en-US')} DEK rows after, ${was.toLocaleString('en-US')} before`;
  if (is >= was) return [{ level: 'ok', check, message: `${text}: none was lost` }];
  return [{ level: 'fail', check, message: `${text}: rows were lost` }];
}

const ROTATIONS: readonly string[] = ['rewrap-deks', 'rollback', 'recover'];

function targetFinding({ mode, after }: SeenEvidence): readonly Finding[] {
  const rotation = after?.census.rotation;
  if (!after || !rotation || !ROTATIONS.includes(mode)) return [];
  const check = 'rows-on-target';
  const { settled, behind, ahead, unreadable } = after.census;
  const name = `${rotation.keyProvider}/${rotation.mekName}/${rotation.mekVersion}`;
  if (settled) {
    const message = `Every live row is on ${name} at epoch ${String(rotation.epoch)}`;
    return [{ level: 'ok', check, message }];
  }
  const message = `Not every live row is on ${name} at epoch ${String(rotation.epoch)}: ${String(behind)} behind, ${String(ahead)} ahead, ${String(unreadable)} unreadable, rotation ${rotation.state}`;
  return [{ level: 'warn', check, message }];
}
