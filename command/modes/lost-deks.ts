/** The DEKs that a recovery finds lost. @module */
import type { RecoveryEvent, RecoverySummary } from '@bytelyst/field-encrypt';
import * as z from 'zod';
import type { Finding } from '../report/mode-report.js';
import type { View } from '../report/view.js';

/** `scope` names the document, and is there only with `--document-keys`. */
export const lostDekSchema = z.strictObject({
  dekId: z.string(),
  reason: z.string(),
  scope: z.array(z.string()).optional(),
});

type LostDek = z.output<typeof lostDekSchema>;

/** The summary counts all of them, and each was printed. */
const MOST_LISTED = 10_000;

/** Of the last scan: each one reports again what is lost. */
export class LostDeks {
  #list: LostDek[] = [];

  readonly look = (event: RecoveryEvent): void => {
    if (event.type === 'pass') this.#list = [];
    if (event.type !== 'failed' || !event.loss || this.#list.length >= MOST_LISTED) return;
    const { dekId, loss } = event;
    const { reason, scope } = loss;
    this.#list.push({ dekId, reason, ...(scope && { scope: [...scope] }) });
  };

  get list(): readonly LostDek[] {
    return this.#list;
  }

  view(documentKeys: boolean): readonly View[] {
    if (this.#list.length === 0) return [];
    const rows = this.#list.map(({ dekId, reason, scope }) => ({
      dekId,
      reason,
      ...(documentKeys && { document: scope?.join(' / ') }),
    }));
    return [{ title: 'Lost', rows }];
  }
}

const WHAT_HELPS: Readonly<Record<keyof RecoverySummary['losses'], string>> = {
  'no-recovery-wrap': 'a backup of the row that has a recovery wrap',
  'other-recovery-key': 'a run with the private key that the failures name',
  'broken-recovery-wrap': 'a backup of the row',
  'commitment-mismatch': 'a backup of the row',
  'unreadable-row': 'a later version of this package, or a backup of the row',
};

/** One for each reason. */
export function lossFindings({ losses }: RecoverySummary): readonly Finding[] {
  return Object.entries(losses)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => ({
      level: 'fail',
      check: `lost-${reason}`,
      message: `${count === 1 ? '1 DEK is' : `${String(count)} DEKs are`} lost: ${reason}`,
      action: `What may still help: ${WHAT_HELPS[reason as keyof typeof WHAT_HELPS]}`,
    }));
}
