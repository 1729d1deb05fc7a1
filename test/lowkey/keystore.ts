/** A certificate for the server of one run. @module */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Java } from './java.js';

export interface Keystore {
  readonly file: string;
  readonly password: string;
  /** The certificate in PEM, for clients that have to trust it. */
  readonly caFile: string;
}

const ALIAS = 'lowkey-vault';

/** Good for 127.0.0.1 and some days. RSA: it is what the server's ciphers need. */
export async function makeKeystore(java: Java, folder: string): Promise<Keystore> {
  const file = join(folder, 'keystore.p12');
  const caFile = join(folder, 'ca.pem');
  const password = randomBytes(16).toString('hex');
  const keytool = async (...args: readonly string[]): Promise<void> => {
    const store = ['-keystore', file, '-storetype', 'PKCS12', '-storepass:env', 'STORE_PASSWORD'];
    const env = { ...process.env, STORE_PASSWORD: password };
    await promisify(execFile)(join(java.home, 'bin/keytool'), [...args, ...store], { env });
  };
  await keytool(
    ...['-genkeypair', '-alias', ALIAS, '-keyalg', 'RSA', '-keysize', '2048', '-validity', '3'],
    ...['-dname', 'CN=127.0.0.1', '-ext', 'SAN=ip:127.0.0.1,dns:localhost'],
  );
  await keytool('-exportcert', '-rfc', '-alias', ALIAS, '-file', caFile);
  return { file, password, caFile };
}
