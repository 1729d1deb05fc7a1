import { abandonDek, type AbandonDekOptions, type AbandonedDek } from '../../src/index.js';
import { envelopeAt, setup, type Loose, type Setup, type SetupOptions } from './encryptor.js';
import { failure } from './failure.js';
import { alterIn } from './importing.js';
import { ended, withKeys, writeNotes, type MekName } from './rotations.js';

/** Damage of a row that no wrap is involved in. */
export const ALTERED = { createdAt: 'yesterday' };
/** Its MEK did not make the wrap. */
export const BROKEN_WRAP = { wrappedDek: 'A'.repeat(54) };
/** The wrap holds another DEK. */
export const OTHER_COMMITMENT = { commitment: 'A'.repeat(43) };

export interface Damaged {
  readonly made: Setup;
  readonly stored: readonly Loose[];
  /** Of the first note. */
  readonly dekId: string;
  /** Another process, which has nothing in memory. */
  readonly operator: Setup;
}

/** Two notes; the row of the first is changed. */
export async function damaged(
  change: Loose,
  { keys = ['a'], ...options }: SetupOptions & { readonly keys?: [MekName, ...MekName[]] } = {},
): Promise<Damaged> {
  const made = setup(options);
  const stored = await writeNotes(made, 2);
  const { dekId } = envelopeAt(stored[0] ?? {}, 'body');
  await alterIn(made.memory, dekId, change);
  return { made, stored, dekId, operator: withKeys(made, keys, options) };
}

export async function abandon(
  { encryptor, clock }: Setup,
  dekId: string,
  options: AbandonDekOptions = {},
): Promise<AbandonedDek> {
  const found: AbandonedDek[] = [];
  const work = abandonDek(encryptor, dekId, options).then((report) => {
    found.push(report);
    // The row itself is the only part that may hold what it seals.
    return { ...report, stored: '' };
  });
  await ended(work, clock);
  return found[0] as AbandonedDek;
}

/** Both calls. */
export async function abandonConfirmed(
  operator: Setup,
  dekId: string,
  options: AbandonDekOptions = {},
): Promise<AbandonedDek> {
  const { digest: confirm } = await abandon(operator, dekId, options);
  return abandon(operator, dekId, { ...options, confirm });
}

/** Why it is refused, without what every refusal begins with. */
export async function refusalOf(
  operator: Setup,
  dekId: string,
  options: AbandonDekOptions = {},
): Promise<string> {
  const { code, message } = await failure(abandon(operator, dekId, options));
  const prefix = `DEK ${dekId} was not abandoned, and nothing was written: `;
  const isRefused = code === 'ABANDON_REFUSED' && message.startsWith(prefix);
  return isRefused ? message.slice(prefix.length) : message;
}
