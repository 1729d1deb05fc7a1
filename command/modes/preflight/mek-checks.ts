/** Whether both MEK versions wrap and unwrap, as the rotation will. @module */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { MekReference, ProductRecords } from '@bytelyst/field-encrypt';
import { UsageError } from '../../command-line/usage-error.js';
import type { OpenProduct } from '../../config/open-product.js';
import type { OpenProvider } from '../../config/providers.js';
import type { Finding } from '../../report/mode-report.js';
import { errorText, mekText, providerText } from '../inspecting/findings.js';
import type { ModeContext } from '../mode.js';
import { required } from '../run-flags.js';
import { fail, ok, warn } from './line.js';

/** One side of the rotation. */
export interface Side {
  readonly mek: MekReference;
  readonly opened: OpenProvider;
}

export interface Sides {
  readonly old?: Side;
  readonly new?: Side;
  readonly findings: readonly Finding[];
}

/** @throws UsageError for anything but providers that cannot be opened, which is a line. */
export async function openSides(
  context: ModeContext,
  product: OpenProduct,
  rotation: ProductRecords['rotation'],
): Promise<Sides> {
  let providers: readonly OpenProvider[];
  try {
    providers = await product.providers();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { findings: error.problems.map((problem) => fail('provider', problem)) };
  }
  const findings = providers.map(({ id, describe }) => ok('provider', `${id}: ${describe}`));
  const after = newSide(context, providers);
  const before = rotation && oldSide(context, providers, rotation);
  return {
    ...(before && 'mek' in before && { old: before }),
    ...('mek' in after && { new: after }),
    findings: [
      ...findings,
      ...[before, after].filter((each) => each !== undefined && 'level' in each),
    ],
  };
}

function newSide({ flags, raw }: ModeContext, providers: readonly OpenProvider[]): Finding | Side {
  const mekVersion = required(flags['new-mek-version']);
  const named = flags['key-provider'];
  const found = providers.filter(
    ({ id, provider: { mekName: name } }) =>
      id === (named?.keyProvider ?? id) && name === (named?.mekName ?? name),
  );
  const [opened] = found;
  const ids = providers
    .map(({ id, provider: { mekName: name } }) => providerText({ keyProvider: id, mekName: name }))
    .join(', ');
  if (!opened) {
    return fail(
      'new-version',
      `No provider of the configuration is ${String(raw['key-provider'])}`,
      {
        action: `The configuration has: ${ids}.`,
      },
    );
  }
  if (found.length > 1) {
    return fail('new-version', 'Several providers could have the new version', {
      action: `Pass --key-provider with one of: ${ids}.`,
    });
  }
  const { id: keyProvider, provider } = opened;
  return { opened, mek: { keyProvider, mekName: provider.mekName, mekVersion } };
}

function oldSide(
  { flags }: ModeContext,
  providers: readonly OpenProvider[],
  { keyProvider, mekName: name, mekVersion }: MekReference,
): Finding | Side {
  const mek = { keyProvider, mekName: name, mekVersion: flags['old-mek-version'] ?? mekVersion };
  const opened = providers.find(
    ({ id, provider }) => id === keyProvider && provider.mekName === name,
  );
  if (opened) return { opened, mek };
  return fail('old-version', `No provider of the configuration has ${mekText(mek)}`, {
    action: 'Add the provider that the rows are under now: without it no DEK can be unwrapped.',
  });
}

/** On canary bytes, through the service: never on a DEK. */
export async function roundTrips(context: ModeContext, sides: Sides): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const name of ['old', 'new'] as const) {
    const side = sides[name];
    if (side) findings.push(await roundTrip(context, `${name}-version`, side));
  }
  return findings;
}

async function roundTrip(
  { signal }: ModeContext,
  check: string,
  { mek, opened: { provider } }: Side,
): Promise<Finding> {
  const canary = randomBytes(32);
  const name = mekText(mek);
  try {
    const wrap = await provider.wrapKey(canary, { mekVersion: mek.mekVersion, signal });
    const back = await provider.unwrapKey(wrap, { signal });
    const isSame = back.byteLength === canary.byteLength && timingSafeEqual(back, canary);
    back.fill(0);
    if (isSame) return ok(check, `${name} wraps and unwraps`);
    return fail(check, `${name} does not unwrap what it wrapped`);
  } catch (error) {
    signal.throwIfAborted();
    return fail(check, `${name} does not wrap and unwrap: ${errorText(error)}`);
  } finally {
    canary.fill(0);
  }
}

export function differenceOf(
  { flags }: ModeContext,
  sides: Sides,
  rotation: ProductRecords['rotation'],
): readonly Finding[] {
  if (!sides.old || !sides.new) return [];
  const check = 'versions';
  const [before, after] = [mekText(sides.old.mek), mekText(sides.new.mek)];
  if (before !== after) return [ok(check, `The rotation goes from ${before} to ${after}`)];
  if (flags['old-mek-version'] === undefined && rotation?.state !== 'complete') {
    return [warn(check, `The rotation to ${after} is under way: rewrap-deks continues it`)];
  }
  return [
    fail(check, `${after} is the version that the rows are under already`, {
      action: 'Pass another version with --new-mek-version.',
    }),
  ];
}
