/** Formulates why a MEK version may not be retired yet. @module */
import type { RetirementReason } from '../errors/retirement-reason.js';
import { describeMek, type MekReference } from '../format/dek-row.js';

/** Some of the rows: how many, and the ids of the first ones. */
export class NamedRows {
  static readonly #MOST_NAMED = 10;
  readonly #dekIds: string[] = [];
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  get dekIds(): readonly string[] {
    return this.#dekIds;
  }

  add(dekId: string): void {
    this.#rows += 1;
    if (this.#dekIds.length < NamedRows.#MOST_NAMED) this.#dekIds.push(dekId);
  }
}

const MOST_IN_MESSAGE = 3;

const ROWS = {
  rows: ['rows under it', 'run the rotation again'],
  'previous-wraps': [
    'rows that keep a previous wrap under it',
    'run prunePreviousWraps after the soak',
  ],
  'rows-behind': ['other rows that the rotation has not moved', 'run the rotation again'],
  'rows-ahead': [
    'rows above the epoch of the rotation record',
    'restore the newest record, or the rows if only they were altered',
  ],
  'unreadable-rows': [
    'rows that cannot be read',
    'find all of them with findUnreadableRows, and restore them or upgrade',
  ],
} as const;

/** @returns Nothing where there are no such rows. */
export function rowsReason(
  type: keyof typeof ROWS,
  { rows, dekIds }: NamedRows,
): readonly RetirementReason[] {
  if (rows === 0) return [];
  const [what, then] = ROWS[type];
  const first = dekIds.slice(0, MOST_IN_MESSAGE).join(', ');
  const more = rows > MOST_IN_MESSAGE ? ', …' : '';
  const message = `${what}: ${String(rows)} (${first}${more}); ${then}`;
  return [{ type, rows, dekIds, message }];
}

export function unfinishedReason(
  rotation: MekReference & { readonly epoch: number; readonly startedAt: string },
): RetirementReason {
  const { epoch, startedAt, keyProvider, mekName, mekVersion } = rotation;
  return {
    type: 'rotation-unfinished',
    epoch,
    target: { keyProvider, mekName, mekVersion },
    startedAt,
    message: `the rotation to ${describeMek(rotation)} with epoch ${String(epoch)}, begun ${startedAt}, is not finished; finish it`,
  };
}

export function currentTargetReason(hasRecord: boolean): RetirementReason {
  const message = hasRecord
    ? 'new DEKs are wrapped with it; rotate to another version'
    : 'there is no rotation record yet, so the first DEK may be wrapped with it; call again when there is one';
  return { type: 'current-target', message };
}

export function fenceReason(): RetirementReason {
  const message =
    'the rotation record was written meanwhile, and writers may still use the previous one; try again';
  return { type: 'fence', message };
}

export function backupsReason(until: string, leftAt: string | undefined): RetirementReason {
  if (leftAt === undefined) {
    const message = `backups of the DEK store made up to now need it until ${until}, and later ones for longer; wait for them to expire`;
    return { type: 'backups', until, message };
  }
  const message = `backups of the DEK store made before ${leftAt} need it until ${until}; wait for them to expire`;
  return { type: 'backups', leftAt, until, message };
}
