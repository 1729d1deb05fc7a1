/** What a run through rows takes, by the census before it. @module */
import type { KeyProvider, MekReference } from '@bytelyst/field-encrypt';
import type { KeyOperation } from '@bytelyst/field-encrypt/adapters';
import type { FlagValues } from '../command-line/flag-values.js';
import type { CensusMoment, Evidence } from './evidence-schema.js';

type Census = CensusMoment['census'];
type Estimate = NonNullable<Evidence['estimate']>;

interface Estimating {
  readonly mode: string;
  readonly flags: FlagValues;
  readonly census: Census;
  readonly providers: readonly KeyProvider[];
}

/** @returns Nothing for modes whose work the census does not show. */
export function estimateOf(estimating: Estimating): Estimate | undefined {
  const counted = countFor(estimating);
  if (!counted) return undefined;
  const { 'max-vault-ops': rate, shard } = estimating.flags;
  const share = (figure: number): number => Math.ceil(figure / (shard?.count ?? 1));
  const [rows, vaultOps] = [share(counted.rows), share(counted.vaultOps)];
  const leastMs = rate === undefined ? undefined : Math.ceil((vaultOps * 1_000) / rate);
  return { rows, vaultOps, ...(leastMs !== undefined && { leastMs }) };
}

interface Counted {
  readonly rows: number;
  readonly vaultOps: number;
}

function countFor(estimating: Estimating): Counted | undefined {
  switch (estimating.mode) {
    case 'rewrap-deks':
      return rewraps(estimating, 'new-mek-version');
    case 'rollback':
      return rewraps(estimating, 'to-mek-version');
    case 'recover':
      return recoveries(estimating);
    case 'prune':
      return prunes(estimating);
    default:
      return undefined;
  }
}

type Wrap = Census['wraps'][number];

const liveRows = ({ active, retired }: Wrap): number => active + retired;

function rewraps(estimating: Estimating, flag: 'new-mek-version' | 'to-mek-version'): Counted {
  const { mode, flags, census } = estimating;
  const { [flag]: version, 'old-mek-version': source } = flags;
  const behind = census.wraps.filter((wrap) => !isTarget(flags, wrap, version));
  const taken = behind.filter(({ mekVersion }) => source === undefined || mekVersion === source);
  const rows = taken.reduce((sum, wrap) => sum + liveRows(wrap), 0);
  const own = taken.reduce(
    (sum, wrap) => sum + liveRows(wrap) * remote(estimating, 'unwrapKey', wrap),
    0,
  );
  // A row whose previous wrap is the target's needs no key service.
  const kept = mode === 'rollback' ? flippable(estimating, version, rows) : 0;
  const target = targetProvider(estimating, version);
  const each =
    remote(estimating, 'wrapKey', target) +
    (verifies(flags) ? remote(estimating, 'unwrapKey', target) : 0);
  const rewrapped = rows - kept;
  const unwraps = rows === 0 ? 0 : Math.round((own * rewrapped) / rows);
  const flips = flags['verify-flips'] ? kept * remote(estimating, 'unwrapKey', target) : 0;
  return { rows, vaultOps: unwraps + rewrapped * each + flips };
}

/** The private key opens the recovery wraps in this process. */
function recoveries(estimating: Estimating): Counted {
  const { census, flags } = estimating;
  const rows = census.active + census.retired;
  const target = targetProvider(estimating, flags['new-mek-version']);
  const each = remote(estimating, 'wrapKey', target) + remote(estimating, 'unwrapKey', target);
  return { rows, vaultOps: rows * each };
}

/** Before an earlier wrap is removed, the primary one is unwrapped. */
function prunes(estimating: Estimating): Counted {
  const { rotation, wraps } = estimating.census;
  const rows = wraps.reduce((sum, { previousWraps }) => sum + previousWraps, 0);
  return { rows, vaultOps: rows * (rotation ? remote(estimating, 'unwrapKey', rotation) : 1) };
}

function verifies({ 'verify-wraps': verify = 'all' }: FlagValues): boolean {
  return verify === 'all';
}

function isTarget(
  { 'key-provider': provider, 'mek-name': mekName }: FlagValues,
  wrap: MekReference,
  version: string | undefined,
): boolean {
  if (wrap.mekVersion !== version) return false;
  const named = { ...wrap, ...provider, ...(mekName !== undefined && { mekName }) };
  return named.keyProvider === wrap.keyProvider && named.mekName === wrap.mekName;
}

function flippable(
  { census, flags }: Estimating,
  version: string | undefined,
  rows: number,
): number {
  const target = census.wraps.find((wrap) => isTarget(flags, wrap, version));
  return Math.min(target?.previousWraps ?? 0, rows);
}

/** That of the flag; else the one that the rows name with this version; else the first. */
function targetProvider(
  { flags, census, providers }: Estimating,
  version: string | undefined,
): Pick<MekReference, 'keyProvider'> {
  const known = census.wraps.find(({ mekVersion }) => mekVersion === version)?.keyProvider;
  return { keyProvider: flags['key-provider']?.keyProvider ?? known ?? providers[0]?.id ?? '' };
}

/** @returns 1 where the operation goes to a key service, and 0 where the key is in this process. */
function remote(
  { providers }: Estimating,
  operation: KeyOperation,
  { keyProvider }: Pick<MekReference, 'keyProvider'>,
): number {
  const provider = providers.find(({ id }) => id === keyProvider);
  return provider?.localCalls?.includes(operation) ? 0 : 1;
}
