import { generateKeyPairSync } from 'node:crypto';
import { hex, recoveryWrap, sample } from './format.mjs';

const PASSPHRASE = 'for tests alone';

function recoveryKey(modulusLength) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength });
  const dek = sample(`recovery dek ${modulusLength}`);
  const { wrappedDek, wrapAlgorithm, recoveryKeyId } = recoveryWrap(privateKey, dek);
  const pkcs8 = { type: 'pkcs8', format: 'pem' };
  const encryption = { cipher: 'aes-256-cbc', passphrase: PASSPHRASE };
  return {
    name: `RSA-${modulusLength}`,
    publicKeySpkiPem: publicKey.export({ type: 'spki', format: 'pem' }),
    publicKeyPkcs1Pem: publicKey.export({ type: 'pkcs1', format: 'pem' }),
    privateKeyPem: privateKey.export(pkcs8),
    encryptedPrivateKeyPem: privateKey.export({ ...pkcs8, ...encryption }),
    passphrase: PASSPHRASE,
    dekHex: hex(dek),
    recoveryWrap: { wrappedDek, wrapAlgorithm, recoveryKeyId },
  };
}

export function recoveryKeys() {
  return [2048, 3072, 4096].map(recoveryKey);
}
