/** Checks everything that encryption depends on, before traffic does. @module */
import { readinessChannel, type ReadinessMessage } from '../diagnostics/diagnostics-channels.js';
import { seenPathsOf, type NeverSeen } from '../document/document-draft.js';
import type { Clock } from '../async/clock.js';
import type { DekContext, DekServices } from '../dek/dek-services.js';
import { makeRoundTrip } from '../dek/dek-wraps.js';
import type { EncryptionMode } from './field-encryptor-options.js';
import { isMekVersion, type MekReference, shortName } from '../format/dek-row.js';
import type { ReadinessWarning } from '../provider/readiness-warning.js';
import type { RotationRecord } from '../format/rotation-record.js';
import {
  recordAuthenticationOf,
  type RecordAuthentication,
} from '../store/authenticate-records.js';
import type { DekStore } from '../store/dek-store.js';
import { weakKeyWarnings } from '../store/weak-keys.js';
import {
  declaredCollection,
  definitionUnrecorded,
  readDefinition,
  requireFits,
  unrecordedPaths,
} from '../run/definition-record.js';
import { registeredBy } from './registered-definitions.js';

/** One check and its outcome. */
export interface ReadinessCheck {
  /**
   * `"dek-store"`, `"key-provider"` with provider and MEK: `"key-provider env/env"`, or `"definition"` with a
   * collection that was registered: `"definition notes"`.
   */
  readonly name: string;
  readonly ok: boolean;
  readonly durationMs: number;
  /** Present when the check failed. */
  readonly error?: unknown;
}

export interface Readiness {
  /** True when every check passed. */
  readonly ready: boolean;
  readonly checks: readonly ReadinessCheck[];
  /**
   * The epoch of the rotation record, for `minimumEpoch` at the next start; absent where there is no record,
   * or it cannot be read.
   */
  readonly epoch?: number;
  /** `false`: this process writes plaintext, even if everything else is ready. */
  readonly enabled: boolean;
  /** How this process treats plaintext in a declared field. */
  readonly mode: EncryptionMode;
  /**
   * `'required'`: DEK rows and the rotation record need a valid mac. `'optional'`: records without one are
   * accepted, because of `insecureAcceptUnauthenticatedRecords`. `'off'`: there is no `recordKey`.
   */
  readonly recordAuthentication: RecordAuthentication;
  /**
   * Declared paths that were absent from every document that this encryptor encrypted or decrypted since its
   * start, 100 or more: often they are misspelt, and what they should encrypt is stored in clear.
   */
  readonly neverSeen: readonly NeverSeen[];
  /** Findings that an operator should examine; none of them makes `ready` false. */
  readonly warnings: readonly ReadinessWarning[];
  /** What looks like a problem and is none: nothing has to be done. */
  readonly information: readonly ReadinessInformation[];
}

/** `MEK_NEWER_VERSION`: the provider of the rotation record's MEK has a newer version than the record names. */
export interface ReadinessInformation {
  readonly code: 'MEK_NEWER_VERSION';
  /** Which versions, and what follows from it; never a value or a key. */
  readonly message: string;
}

interface ReadinessSettings extends Pick<Readiness, 'warnings'> {
  readonly encryptor: Pick<Readiness, 'enabled' | 'mode'> & { readonly dekStore: DekStore };
  readonly signal: AbortSignal | undefined;
}

interface ProbedMek extends Pick<MekReference, 'keyProvider' | 'mekName'> {
  /** @default the provider's current one */
  readonly version: string | undefined;
  readonly signal: AbortSignal | undefined;
}

export async function checkReadiness(
  services: DekServices,
  settings: ReadinessSettings,
): Promise<Readiness> {
  const readiness = await check(services, settings);
  if (readinessChannel.hasSubscribers) publish(services.context.product, readiness);
  return readiness;
}

/** A failed check is published without its error, which may quote the input of an adapter. */
function publish(product: string, { ready, enabled, mode, checks }: Readiness): void {
  const outcomes = checks.map(({ name, ok }) => ({ name, ok }));
  const message: ReadinessMessage = { product, ready, enabled, mode, checks: outcomes };
  readinessChannel.publish(message);
}

async function check(
  services: DekServices,
  { encryptor, warnings, signal }: ReadinessSettings,
): Promise<Readiness> {
  const { enabled, mode, dekStore } = encryptor;
  const { context, records } = services;
  const { clock, providers } = context;
  let target: RotationRecord | undefined;
  const store = await timed(clock, 'dek-store', async () => {
    const copy = await records.read();
    target = copy?.record;
    target = (await records.followed(copy))?.record;
    // It must be configured, or no document can be created.
    if (target) providers.find(target);
  });
  const checks = [store];
  const information: ReadinessInformation[] = [];
  for (const { id, mekName } of providers.all) {
    signal?.throwIfAborted();
    const isTarget = target?.keyProvider === id && target.mekName === mekName;
    const version = isTarget ? target?.mekVersion : undefined;
    const trip = await timed(clock, `key-provider ${id}/${mekName}`, () =>
      roundTrip(context, { keyProvider: id, mekName, version, signal }),
    );
    checks.push(trip);
    if (target && isTarget && trip.ok) {
      information.push(...(await newerVersionOf(providers, target, signal)));
    }
  }
  const definitions = await checkDefinitions(context, { encryptor, signal });
  checks.push(...definitions.checks);
  const epoch = target && { epoch: target.epoch };
  return {
    ready: checks.every(({ ok }) => ok),
    checks,
    enabled,
    mode,
    ...epoch,
    recordAuthentication: recordAuthenticationOf(dekStore),
    neverSeen: seenPathsOf(services).neverSeen,
    warnings: [...warnings, ...weakKeyWarnings(providers, dekStore), ...definitions.warnings],
    information,
  };
}

/** Of the encryptor: what other processes have recorded since it was registered counts too. */
async function checkDefinitions(
  context: DekContext,
  { encryptor, signal }: Pick<ReadinessSettings, 'encryptor' | 'signal'>,
): Promise<Pick<Readiness, 'checks' | 'warnings'>> {
  const checks: ReadinessCheck[] = [];
  const warnings: ReadinessWarning[] = [];
  for (const declared of registeredBy(encryptor).all.map(declaredCollection)) {
    signal?.throwIfAborted();
    const { collection } = declared;
    const check = await timed(context.clock, `definition ${shortName(collection)}`, async () => {
      const record = (await readDefinition({ ...context, signal }, collection))?.record;
      requireFits(record, declared);
      const missing = encryptor.enabled ? unrecordedPaths(record, declared) : [];
      if (missing.length > 0) warnings.push(definitionUnrecorded(collection, missing));
    });
    checks.push(check);
  }
  return { checks, warnings };
}

/** A provider that cannot say is no problem: the round trip has shown that its MEK works. */
async function newerVersionOf(
  providers: DekContext['providers'],
  record: RotationRecord,
  signal: AbortSignal | undefined,
): Promise<readonly ReadinessInformation[]> {
  const newest: unknown = await providers
    .find(record)
    .currentVersion({ signal })
    .catch(() => undefined);
  if (!isMekVersion(newest) || newest === record.mekVersion) return [];
  const { keyProvider, mekName, mekVersion } = record;
  const name = [keyProvider, mekName].map(shortName).join('/');
  const message = `The newest version of the MEK ${name} is ${newest}, and the rotation record names ${mekVersion}: nothing follows from it; DEKs are wrapped with the version of the record until rewrapAllDeks rotates to another`;
  return [{ code: 'MEK_NEWER_VERSION', message }];
}

async function roundTrip(
  { providers }: DekContext,
  { keyProvider, mekName, version, signal }: ProbedMek,
): Promise<void> {
  const provider = providers.find({ keyProvider, mekName });
  const mekVersion = version ?? (await provider.currentVersion({ signal }));
  await makeRoundTrip(providers, { keyProvider, mekName, mekVersion }, { signal });
}

async function timed(
  clock: Clock,
  name: string,
  check: () => Promise<void>,
): Promise<ReadinessCheck> {
  const startedAt = clock.monotonicMs();
  const durationMs = (): number => clock.monotonicMs() - startedAt;
  try {
    await check();
    return { name, ok: true, durationMs: durationMs() };
  } catch (error) {
    return { name, ok: false, durationMs: durationMs(), error };
  }
}
