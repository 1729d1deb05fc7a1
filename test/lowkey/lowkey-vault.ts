/** The running Lowkey Vault, as the suite of this folder reaches it. @module */
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { KeyClient, type KeyClientOptions, type KeyOperation } from '@azure/keyvault-keys';
import { AkvKeyProvider, type AkvKeyProviderOptions } from '../../src/azure/key-vault/index.js';

export const MEK_NAME = 'notelett-mek';

/** Unless they are named, Lowkey Vault permits none; and it wraps only with a key that encrypts too. */
export const OPERATIONS: KeyOperation[] = ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'];

const url = variable('LOWKEY_VAULT_URL');
const ca = readFileSync(variable('LOWKEY_VAULT_CA'), 'utf8');
const serviceVersion = variable('LOWKEY_VAULT_API_VERSION');

type Credential = AkvKeyProviderOptions['credential'];

/** Lowkey Vault checks no token: there is no identity provider. */
export function credentialFor(token = 'not-looked-at'): Credential {
  const HOUR_MS = 3_600_000;
  return {
    getToken: () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + HOUR_MS }),
  };
}

/** Tries each call once: its 500 is often a refusal, which another attempt does not change. */
export function vaultProvider(options: Partial<AkvKeyProviderOptions> = {}): AkvKeyProvider {
  return new AkvKeyProvider({
    vaultUrl: url,
    mekName: MEK_NAME,
    credential: credentialFor(),
    clientOptions: { serviceVersion, tlsOptions: { ca } },
    insecureAllowLoopback: true,
    maxAttempts: 1,
    ...options,
  });
}

/** For those who administer the vault. */
export function vaultKeys(options: KeyClientOptions = {}): KeyClient {
  return new KeyClient(url, credentialFor(), {
    serviceVersion,
    tlsOptions: { ca },
    disableChallengeResourceVerification: true,
    retryOptions: { maxRetries: 0 },
    ...options,
  });
}

/** Makes a key of one version. */
export async function createMek(
  name: string,
  keyOps: KeyOperation[] = OPERATIONS,
): Promise<string> {
  const { properties } = await vaultKeys().createRsaKey(name, { keySize: 2048, keyOps });
  return properties.version ?? '';
}

/** Adds a version to a key, as an operator does. */
export async function rotateMek(name: string): Promise<string> {
  const { properties } = await vaultKeys().rotateKey(name);
  return properties.version ?? '';
}

export async function enableMek(name: string, mekVersion: string, enabled: boolean): Promise<void> {
  await vaultKeys().updateKeyProperties(name, mekVersion, { enabled });
}

export interface RawAnswer {
  readonly status: number | undefined;
  readonly challenge: string | undefined;
}

/** What no client of the SDK would send. */
export function post(path: string, headers: Readonly<Record<string, string>>): Promise<RawAnswer> {
  const address = new URL(`${path}?api-version=${serviceVersion}`, url);
  const body = JSON.stringify({ alg: 'RSA-OAEP-256', value: 'AAAA' });
  return new Promise((resolve, reject) => {
    const sent = request(address, { method: 'POST', ca, headers, agent: false }, (response) => {
      response.resume();
      const challenge = response.headers['www-authenticate'];
      resolve({ status: response.statusCode, challenge });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/** Where the vault is: also the only service that it asks tokens for. */
export const vaultUrl = url;

function variable(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`${name} is not set: start this suite with npm run test:lowkey`);
}
