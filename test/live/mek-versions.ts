/** The two versions of the MEK that the live tests need. @module */
import { randomBytes } from 'node:crypto';
import type { KeyClient, KeyProperties } from '@azure/keyvault-keys';
import { DEK_BYTES } from '../../src/dek/dek.js';
import type { LiveAzure } from './live-azure.js';
import { Refusal } from './refusal.js';

export interface MekVersions {
  readonly older: string;
  /** The one that the vault takes for current. */
  readonly newest: string;
}

/**
 * Looks for them, and writes nothing.
 *
 * @returns `older` is absent where the MEK has no other version that can be used.
 */
export async function findMekVersions(
  azure: LiveAzure,
): Promise<Partial<MekVersions> & Pick<MekVersions, 'newest'>> {
  const newest = await azure.keyProvider().currentVersion();
  await tryOut(azure, newest);
  const versions = await listVersions(azure.keyClient(), azure.settings.mekName);
  const [other] = versions.filter(isUsable).filter(({ version }) => version !== newest);
  if (other?.version === undefined) return { newest };
  await tryOut(azure, other.version);
  return { older: other.version, newest };
}

/** Adds a version, which stays: Key Vault deletes none singly. */
export async function rotateMek(azure: LiveAzure, older: string): Promise<MekVersions> {
  const { mekName, vaultUrl } = azure.settings;
  const { version = '' } = (await rotated(azure)).properties;
  await tryOut(azure, version);
  return { older, newest: version };

  async function rotated({ settings }: LiveAzure): ReturnType<KeyClient['rotateKey']> {
    try {
      return await azure.keyClient().rotateKey(settings.mekName);
    } catch (error) {
      const [vault = ''] = new URL(vaultUrl).hostname.split('.');
      throw new Refusal(
        `The MEK "${mekName}" has one version that can be used and the tests need two, and this identity did not get another (${reasonOf(error)}): run "az keyvault key rotate --vault-name ${vault} --name ${mekName}" as someone who may`,
      );
    }
  }
}

/** The newest first. */
async function listVersions(client: KeyClient, name: string): Promise<readonly KeyProperties[]> {
  const versions: KeyProperties[] = [];
  try {
    for await (const each of client.listPropertiesOfKeyVersions(name)) versions.push(each);
  } catch (error) {
    throw new Refusal(
      `The versions of the MEK "${name}" cannot be listed (${reasonOf(error)}): give this identity the role "Key Vault Crypto Service Encryption User" on it`,
    );
  }
  const createdMs = ({ createdOn }: KeyProperties): number => createdOn?.getTime() ?? 0;
  return versions.sort((one, other) => createdMs(other) - createdMs(one));
}

function isUsable({ enabled, notBefore, expiresOn }: KeyProperties): boolean {
  const now = new Date();
  const isValid = (!notBefore || notBefore <= now) && (!expiresOn || now < expiresOn);
  return enabled !== false && isValid;
}

/** Fails with the adapter's own words where the identity may not, or the version cannot, be used. */
async function tryOut(azure: LiveAzure, mekVersion: string): Promise<void> {
  const provider = azure.keyProvider();
  const wrap = await provider.wrapKey(randomBytes(DEK_BYTES), { mekVersion });
  await provider.unwrapKey(wrap);
}

function reasonOf(error: unknown): string {
  const { statusCode, code } = (error ?? {}) as { statusCode?: number; code?: string };
  return [statusCode, code].filter((each) => each !== undefined).join(' ') || 'no answer';
}
