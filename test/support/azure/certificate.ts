/** The certificate of every test server: it vouches for itself, and for nothing beyond loopback. @module */
import { generate } from 'selfsigned';

export interface Certificate {
  /** PEM; as its own authority it is also what clients are given as `ca`. */
  readonly cert: string;
  /** PEM of the private key. */
  readonly key: string;
}

const NAMES = ['localhost', '*.vault.azure.net', '*.documents.azure.com'];
const HOUR_MS = 3_600_000;

let made: Promise<Certificate> | undefined;

/** Made once per process, at the first call. */
export function certificate(): Promise<Certificate> {
  return (made ??= make());
}

async function make(): Promise<Certificate> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - HOUR_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          ...NAMES.map((value) => ({ type: 2 as const, value })),
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { cert, key };
}
