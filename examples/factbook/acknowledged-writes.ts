import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** A write of the second process that the library reported as done. */
export interface AcknowledgedWrite {
  readonly id: string;
  readonly revision: number;
}

export function appendWrite(journal: string, write: AcknowledgedWrite): void {
  appendFileSync(journal, `${JSON.stringify(write)}\n`);
}

/** The last revision of each draft that was acknowledged. */
export function lastRevisions(journal: string): Map<string, number> {
  if (!existsSync(journal)) return new Map();
  const lines = readFileSync(journal, 'utf8').split('\n').filter(Boolean);
  const writes = lines.map((line) => JSON.parse(line) as AcknowledgedWrite);
  return new Map(writes.map(({ id, revision }) => [id, revision]));
}
