import type { DekRow, RotationRecord } from '../../src/adapters.js';
import {
  EnvKeyProvider,
  rewrapAllDeks,
  rollbackRotation,
  type RewrapAllDeksOptions,
  type RewrapEvent,
  type RewrapSummary,
  type RewrapTarget,
  type RollbackRotationOptions,
} from '../../src/index.js';
import type { ManualClock } from './clock.js';
import { turn } from './deferred.js';
import { secretWatch } from './secrets/secret-watch.js';
import {
  encryptAny,
  KEY,
  MEK_HEX,
  OTHER_MEK_HEX,
  PRODUCT,
  setup,
  type Loose,
  type Setup,
  type SetupOptions,
} from './encryptor.js';

const THIRD_MEK_HEX = '7ab2ff0b9d3c83a9bd4b5a3cb6ea29bd4dc25d79bd3ac1b87d3bbd3cf4c9f5a1';
const HEX = { a: MEK_HEX, b: OTHER_MEK_HEX, c: THIRD_MEK_HEX };

/** MEKs by short names; `a` is what {@link setup} begins with. */
export type MekName = keyof typeof HEX;

export function envKeys(current: MekName, ...previous: readonly MekName[]): EnvKeyProvider {
  return new EnvKeyProvider({ key: HEX[current], previousKeys: previous.map((name) => HEX[name]) });
}

/** Another process over the same store and clock, with the MEKs that it is given. */
export function withKeys(
  made: Setup,
  [current, ...previous]: readonly [MekName, ...MekName[]],
  options: SetupOptions = {},
): Setup {
  return setup({ beside: made, keyProviders: [envKeys(current, ...previous)], ...options });
}

export async function versionOf(name: MekName): Promise<string> {
  return envKeys(name).currentVersion();
}

export async function targetOf(name: MekName): Promise<RewrapTarget> {
  return { mekVersion: await versionOf(name) };
}

/** Documents `note-0`, `note-1`, … as stored, each with a DEK of its own. */
export async function writeNotes({ encryptor }: Setup, count: number): Promise<Loose[]> {
  const ids = Array.from({ length: count }, (_each, index) => `note-${String(index)}`);
  return Promise.all(
    ids.map((id) => encryptAny(encryptor, { ...KEY, id, body: `of ${id}`, tags: ['x', 'y'] })),
  );
}

type Rewrapping = AsyncGenerator<RewrapEvent, RewrapSummary, void>;

/** The next event; sleepers are woken every half second meanwhile. */
export function pull<Event, Summary>(
  rewrapping: AsyncGenerator<Event, Summary, void>,
  clock: Pick<ManualClock, 'advance' | 'sleeping'>,
): Promise<IteratorResult<Event, Summary>> {
  return ended(rewrapping.next(), clock);
}

/** The outcome of the work; sleepers are woken every half second meanwhile. */
export async function ended<T>(
  work: Promise<T>,
  clock: Pick<ManualClock, 'advance' | 'sleeping'>,
): Promise<T> {
  const progress = { settled: false };
  const result = work.finally(() => {
    progress.settled = true;
  });
  result.catch(() => undefined);
  for (let idle = 0; idle < 1_000; idle += 1) {
    await turn();
    if (progress.settled) {
      secretWatch.emitted.addValue('an event', await result);
      return result;
    }
    if (clock.sleeping > 0) clock.advance(500);
  }
  throw new Error('It neither goes on nor sleeps');
}

export interface Rewrapped {
  readonly events: readonly RewrapEvent[];
  readonly summary: RewrapSummary;
}

/** Pulls until an event of the type, or to the end. */
export async function pullUntil(
  rewrapping: Rewrapping,
  clock: ManualClock,
  type: RewrapEvent['type'],
): Promise<RewrapEvent[]> {
  const events: RewrapEvent[] = [];
  for (;;) {
    const { done, value } = await pull(rewrapping, clock);
    if (done) return events;
    events.push(value);
    if (value.type === type) return events;
  }
}

/** Starts a rewrap to the process's current MEK, or the target that is given. */
export async function start(
  { encryptor, keyProvider }: Setup,
  options: Partial<RewrapAllDeksOptions> = {},
): Promise<Rewrapping> {
  const target = { mekVersion: await keyProvider.currentVersion() };
  return rewrapAllDeks(encryptor, { target, ...options });
}

/** Runs a rewrap to its end. */
export async function rewrap(
  made: Setup,
  options: Partial<RewrapAllDeksOptions> = {},
): Promise<Rewrapped> {
  return toTheEnd(await start(made, options), made.clock);
}

/** Runs a rollback to its end. */
export async function rollBack(
  { encryptor, clock }: Pick<Setup, 'clock' | 'encryptor'>,
  to: MekName,
  options: Partial<RollbackRotationOptions> = {},
): Promise<Rewrapped> {
  return toTheEnd(rollbackRotation(encryptor, { target: await targetOf(to), ...options }), clock);
}

async function toTheEnd(rewrapping: Rewrapping, clock: ManualClock): Promise<Rewrapped> {
  const events = await pullUntil(rewrapping, clock, 'finished');
  const last = events.at(-1);
  if (last?.type !== 'finished') throw new Error('The last event is not "finished"');
  return { events, summary: last.summary };
}

export function ofType<T extends RewrapEvent['type']>(
  { events }: { readonly events: readonly RewrapEvent[] },
  type: T,
): Extract<RewrapEvent, { readonly type: T }>[] {
  return events.filter((event) => event.type === type) as never;
}

export async function rows({ memory }: Setup): Promise<readonly DekRow[]> {
  const { items } = await memory.list({ product: PRODUCT }, { pageSize: 10_000 });
  return items.map(({ value }) => value as DekRow);
}

export async function record({ memory }: Setup): Promise<RotationRecord> {
  const item = await memory.getRotation(PRODUCT);
  if (!item) throw new Error('There is no rotation record');
  return item.value as RotationRecord;
}

/** Puts a row as an operator, an attacker or a later version would. */
export async function alterRow(
  { memory }: Setup,
  dekId: string,
  change: Readonly<Record<string, unknown>>,
): Promise<void> {
  const item = await memory.get(dekId);
  if (!item) throw new Error(`There is no row ${dekId}`);
  await memory.replace({ ...(item.value as DekRow), ...change }, item.etag);
}

export async function alterRecord(
  made: Setup,
  change: Readonly<Record<string, unknown>>,
): Promise<void> {
  const item = await made.memory.getRotation(PRODUCT);
  const altered = { ...(item?.value as RotationRecord), ...change };
  await made.memory.replaceItem(altered, item?.etag ?? '');
}
