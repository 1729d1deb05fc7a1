/** What an operator does next, with the commands of `encrypt-migrate`. @module */
import type { ReadinessReport } from '../diagnostics/readiness.js';
import { STILL_MS, type Progress, type Rotation, type Rows, type Seen } from './store-watch.js';

export interface NextStep {
  /** `alarm`: something is wrong; `act`: it is the operator's turn; `wait`: nothing to do yet; `ok`. */
  readonly level: 'act' | 'alarm' | 'ok' | 'wait';
  readonly text: string;
  /** Where there is one that does it. */
  readonly command?: string;
}

export interface Situation extends Seen {
  readonly product: string;
  readonly readiness: ReadinessReport | undefined;
  /** A run of this process is in work. */
  readonly isRunningHere: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The first one is to be done first; never empty. */
export function nextSteps(situation: Situation): readonly NextStep[] {
  const steps = [...alarmsOf(situation), ...rotationStepsOf(situation)];
  if (steps.length > 0) return steps;
  return [{ level: 'ok', text: 'Nothing to do.' }];
}

function alarmsOf({ product, readiness, failure, rotation, rows }: Situation): NextStep[] {
  const found: NextStep[] = [];
  const alarm = (text: string, mode?: string): void => {
    const command = mode === undefined ? {} : { command: commandOf(product, mode) };
    found.push({ level: 'alarm', text, ...command });
  };
  if (failure !== undefined) {
    alarm(`The rows of keys cannot be read: ${failure}. What is shown may be old.`, 'status');
  }
  for (const { name, ok, code } of readiness?.checks ?? []) {
    if (!ok) alarm(`The check “${name}” fails${code === undefined ? '' : `: ${code}`}.`);
  }
  const tampered = readiness?.alarms.tampered ?? 0;
  if (tampered > 0) {
    alarm(`${many(tampered, 'note')} failed as tampered. Find out who changed the database.`);
  }
  if (rows && rows.unreadable > 0) {
    alarm(`${many(rows.unreadable, 'row')} of keys cannot be read.`, 'doctor');
  }
  const isOlder = rotation?.restored === true || (rows?.ahead ?? 0) > 0;
  if (isOlder) {
    alarm(
      'The rotation record is older than the rows: it was restored.',
      'adopt-restore --dry-run',
    );
  }
  const isLost = rows !== undefined && rows.live > 0 && !rotation && failure === undefined;
  if (isLost) alarm('There are keys, and no rotation record.', 'adopt-restore --dry-run');
  return found;
}

function rotationStepsOf(situation: Situation): readonly NextStep[] {
  const { rotation, rows, product } = situation;
  const isCounted = rows !== undefined && (rows.isOfRecord || rotation?.state !== 'complete');
  if (!isCounted) return [{ level: 'wait', text: 'The rows of keys are being counted.' }];
  if (!rotation) {
    return rows.live > 0
      ? []
      : [{ level: 'ok', text: 'Nothing is encrypted yet: the first note makes the first key.' }];
  }
  if (rotation.state !== 'complete') return unfinished(situation, rotation, rows);
  if (rows.behind > 0) {
    const text = `${many(rows.behind, 'key')} missed the rotation to ${short(rotation.mekVersion)}. Run it again.`;
    return [{ level: 'act', text, command: rewrap(product, rotation) }];
  }
  return afterRotation(product, rotation, rows);
}

function unfinished(
  { product, progress, isRunningHere, now }: Situation,
  rotation: Rotation,
  { behind }: Rows,
): readonly NextStep[] {
  const command = rewrap(product, rotation);
  const version = short(rotation.mekVersion);
  if (!isRunningHere && isStill(progress, rotation, now)) {
    const text = `The rotation to ${version} has stopped, with ${many(behind, 'key')} left. The same command continues it.`;
    return [{ level: 'act', text, command }];
  }
  const text =
    rotation.state === 'fencing'
      ? `The rotation to ${version} waits until no process acts on the version before.`
      : // Without a number: screen readers would say the step again with each count.
        `The rotation to ${version} is under way. Wait until it is complete.`;
  return [{ level: 'wait', text }];
}

function isStill(progress: Progress | undefined, rotation: Rotation, now: number): boolean {
  // Nothing moves during the fence.
  const expected = rotation.state === 'fencing' ? rotation.fenceTtlMs * 2 : 0;
  return progress !== undefined && now - Date.parse(progress.movedAt) > STILL_MS + expected;
}

/** Complete, and no row missed it. */
function afterRotation(product: string, rotation: Rotation, rows: Rows): readonly NextStep[] {
  const { earlierVersion: earlier, mekVersion } = rotation;
  if (earlier === undefined) return [];
  const kept = rows.versions.find((each) => each.mekVersion === earlier)?.previousWraps ?? 0;
  if (kept > 0) {
    return [
      {
        level: 'act',
        text: `The rotation to ${short(mekVersion)} is complete. Prove it:`,
        command: commandOf(product, `verify --new-mek-version ${quoted(mekVersion)}`),
      },
      {
        level: 'act',
        text: `After the time in which you may want to go back, remove the ${many(kept, 'wrap')} under ${short(earlier)}:`,
        command: commandOf(product, 'prune --soak 24h'),
      },
    ];
  }
  return [
    {
      level: 'act',
      text: `No key needs ${short(earlier)} any more. Ask whether it may be disabled:`,
      command: commandOf(
        product,
        `retire-check --mek-version ${quoted(earlier)} --soak 24h --backup-window 30d`,
      ),
    },
  ];
}

/** The MEK is named by its provider and name, as several keys of the service may be in use. */
function rewrap(product: string, { keyProvider, mekName, mekVersion }: Rotation): string {
  const provider = mekName === keyProvider ? keyProvider : `${keyProvider}/${mekName}`;
  return commandOf(
    product,
    `rewrap-deks --key-provider ${quoted(provider)} --new-mek-version ${quoted(mekVersion)}`,
  );
}

function commandOf(product: string, rest: string): string {
  return `npx encrypt-migrate ${rest} --product ${quoted(product)}`;
}

/** The names come from the database: a shell must take them as text. */
function quoted(text: string): string {
  if (/^[\w./:@%+-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function many(count: number, one: string): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : `${one}s`}`;
}

function short(version: string): string {
  return version.length > 16 ? `${version.slice(0, 12)}…` : version;
}
