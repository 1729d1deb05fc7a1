/** What the key service says of both versions: dates, protection, and its own rotation. @module */
import type { KeyClient, KeyVaultKey } from '@azure/keyvault-keys';
import { formatDuration } from '../../command-line/durations.js';
import type { OpenVault } from '../../config/providers.js';
import type { Finding } from '../../report/mode-report.js';
import { errorText, mekText } from '../inspecting/findings.js';
import type { ModeContext } from '../mode.js';
import { fail, ok, unseen, warn } from './line.js';
import type { Side, Sides } from './mek-checks.js';

const NEAR_MS = 30 * 86_400_000;
const ENABLE = { action: 'Enable it again: a rotation needs both versions.' };

export async function vaultChecks(context: ModeContext, sides: Sides): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const seen = new Set<string>();
  for (const name of ['old', 'new'] as const) {
    const side = sides[name];
    if (!side || seen.has(mekText(side.mek))) continue;
    seen.add(mekText(side.mek));
    findings.push(...(await sideChecks(context, side, seen)));
  }
  return findings;
}

async function sideChecks(
  context: ModeContext,
  side: Side,
  seen: Set<string>,
): Promise<readonly Finding[]> {
  const { mek, opened } = side;
  const { vault, kind, describe } = opened;
  if (kind === 'env') return [ok('version-dates', `${mekText(mek)}: ${describe} have no dates`)];
  if (!vault) {
    return [
      unseen('version-dates', `${mekText(mek)}: ${describe} does not show its dates`, {
        action: 'Check that the version is enabled, and when it expires.',
      }),
    ];
  }
  const client = await vault.keyClient();
  const findings = [...(await keyChecks(context, side, { client, vault }))];
  const key = `${vault.url}/${vault.mekName}`;
  if (!seen.has(key)) findings.push(await policyCheck(context, { client, vault }));
  seen.add(key);
  return findings;
}

interface OpenKey {
  readonly client: KeyClient;
  readonly vault: OpenVault;
}

async function keyChecks(
  context: ModeContext,
  { mek }: Side,
  { client, vault }: OpenKey,
): Promise<readonly Finding[]> {
  const { signal, clock } = context;
  try {
    const options = { version: mek.mekVersion, abortSignal: signal };
    const key = await client.getKey(vault.mekName, options);
    return [...dateChecks(mekText(mek), key, clock.wallMs()), protectionCheck(mekText(mek), key)];
  } catch (error) {
    signal.throwIfAborted();
    const name = mekText(mek);
    if (isOfDisabledKey(error)) return [fail('version-dates', `${name} is disabled`, ENABLE)];
    const { message, action } = unread(error, vault, mek.mekVersion);
    return ['version-dates', 'protection'].map((check) => unseen(check, message, { action }));
  }
}

function dateChecks(name: string, { properties }: KeyVaultKey, nowMs: number): readonly Finding[] {
  const { enabled, expiresOn, notBefore } = properties;
  const check = 'version-dates';
  if (enabled === false) return [fail(check, `${name} is disabled`, ENABLE)];
  if (notBefore && notBefore.getTime() > nowMs) {
    return [fail(check, `${name} is not valid before ${notBefore.toISOString()}`)];
  }
  if (!expiresOn) return [ok(check, `${name} is enabled, and does not expire`)];
  const leftMs = expiresOn.getTime() - nowMs;
  const action = 'Set a later date, or none: what expired cannot wrap any more.';
  if (leftMs <= 0)
    return [fail(check, `${name} expired at ${expiresOn.toISOString()}`, { action })];
  const text = `${name} is enabled, and expires at ${expiresOn.toISOString()}, in ${formatDuration(leftMs)}`;
  return [leftMs < NEAR_MS ? warn(check, text, { action }) : ok(check, text)];
}

function protectionCheck(name: string, { properties }: KeyVaultKey): Finding {
  const { recoveryLevel } = properties;
  const check = 'protection';
  if (recoveryLevel === undefined)
    return unseen(check, `${name}: the vault does not say whether deleted keys can be recovered`);
  const action = 'Turn on soft delete and purge protection: who purges the key destroys every DEK.';
  if (recoveryLevel === 'Purgeable') {
    return fail(check, `${name}: no soft delete (recovery level ${recoveryLevel})`, { action });
  }
  if (recoveryLevel.includes('Purgeable')) {
    return warn(
      check,
      `${name}: soft delete without purge protection (recovery level ${recoveryLevel})`,
      { action },
    );
  }
  return ok(check, `${name}: soft delete and purge protection (recovery level ${recoveryLevel})`);
}

/** The record, and not the vault, says which version wraps: a new one alone changes nothing. */
async function policyCheck({ signal }: ModeContext, { client, vault }: OpenKey): Promise<Finding> {
  const check = 'rotation-policy';
  const { mekName: name } = vault;
  try {
    const policy = await client.getKeyRotationPolicy(name, { abortSignal: signal });
    const rotates = (policy.lifetimeActions ?? []).some(({ action }) => action === 'Rotate');
    if (!rotates) return ok(check, `${name}: the vault makes no versions by itself`);
    return warn(check, `${name}: the vault makes new versions by itself`, {
      action: 'They are not used before a rotation names them; check that this is meant.',
    });
  } catch (error) {
    signal.throwIfAborted();
    const { message } = unread(error, vault);
    const action = `Run: az keyvault key rotation-policy show --vault-name ${vaultName(vault)} --name ${name}`;
    return unseen(check, message, { action });
  }
}

/** The vault does not show a disabled version either. */
function isOfDisabledKey(error: unknown): boolean {
  const { statusCode, message } = error as { readonly statusCode?: unknown; message?: unknown };
  return statusCode === 403 && /disabled/i.test(String(message));
}

function unread(
  error: unknown,
  vault: OpenVault,
  version = '',
): { readonly message: string; readonly action: string } {
  const { statusCode } = error as { readonly statusCode?: unknown };
  const why = statusCode === 403 ? 'this identity may not read it' : errorText(error);
  const { mekName: name, url } = vault;
  const of = version === '' ? '' : ` --version ${version}`;
  return {
    message: `The key ${name} in ${url} cannot be seen: ${why}`,
    action: `Run: az keyvault key show --vault-name ${vaultName(vault)} --name ${name}${of}`,
  };
}

function vaultName({ url }: OpenVault): string {
  return new URL(url).hostname.split('.', 1)[0] ?? '';
}
