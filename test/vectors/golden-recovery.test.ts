import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isLive } from '../../src/format/dek-row.js';
import { type RecoveryKey, parseRecoveryKey } from '../../src/dek/dek-wraps.js';
import type { DekRow, RecoveryWrap } from '../../src/adapters.js';
import { readPrivateRecoveryKey } from '../../src/recovery/private-recovery-key.js';
import { fromHex, readGolden } from '../support/golden.js';
import { rsaUnwrap } from '../support/rsa-key-provider.js';

interface GoldenKey {
  readonly name: string;
  readonly publicKeySpkiPem: string;
  readonly publicKeyPkcs1Pem: string;
  readonly privateKeyPem: string;
  readonly encryptedPrivateKeyPem: string;
  readonly passphrase: string;
  readonly dekHex: string;
  readonly recoveryWrap: RecoveryWrap;
}

describe('golden recovery keys', () => {
  const { cases } = readGolden<{ cases: GoldenKey[] }>('recovery-keys.json');

  it.each(cases)('$name has its id in either form of PEM', (golden) => {
    const { recoveryKeyId } = golden.recoveryWrap;
    for (const pem of [golden.publicKeySpkiPem, golden.publicKeyPkcs1Pem]) {
      expect((parseRecoveryKey(pem) as RecoveryKey).id).toBe(recoveryKeyId);
    }
  });

  it.each(cases)('$name opens its recovery wrap, encrypted or not', (golden) => {
    const { privateKeyPem, encryptedPrivateKeyPem, passphrase, recoveryWrap, dekHex } = golden;
    const keys = [
      readPrivateRecoveryKey(privateKeyPem, undefined),
      readPrivateRecoveryKey(encryptedPrivateKeyPem, passphrase),
    ];
    for (const key of keys) {
      expect(key.id).toBe(recoveryWrap.recoveryKeyId);
      expect(key.unwrap(recoveryWrap)?.toString('hex')).toBe(dekHex);
    }
  });

  it.each(cases)(
    '$name wraps what Node alone opens',
    ({ publicKeySpkiPem, privateKeyPem, dekHex }) => {
      const key = parseRecoveryKey(publicKeySpkiPem) as RecoveryKey;
      const { wrappedDek, wrapAlgorithm } = key.wrapFor(undefined, fromHex(dekHex));
      expect(rsaUnwrap(privateKeyPem, wrappedDek)?.toString('hex')).toBe(dekHex);
      expect(wrapAlgorithm).toBe('RSA-OAEP-256');
    },
  );
});

describe('golden rows with a recovery wrap', () => {
  const golden = readGolden<{
    rsaPrivateKeyPem: string;
    cases: { name: string; dekHex: string; row: DekRow }[];
  }>('dek-rows.json');
  const recoverable = golden.cases.flatMap(({ row, ...rest }) =>
    isLive(row) && row.recoveryWrap ? [{ ...rest, recoveryWrap: row.recoveryWrap }] : [],
  );

  it.each(recoverable)('$name is opened', ({ recoveryWrap, dekHex }) => {
    const key = readPrivateRecoveryKey(golden.rsaPrivateKeyPem, undefined);
    expect(key.unwrap(recoveryWrap)?.toString('hex')).toBe(dekHex);
    const publicKey = createPublicKey(golden.rsaPrivateKeyPem);
    const spki = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const own = parseRecoveryKey(spki) as RecoveryKey;
    expect(own.id).toBe(recoveryWrap.recoveryKeyId);
    // A wrap that is there already stays, byte for byte.
    expect(own.wrapFor(recoveryWrap, fromHex(dekHex))).toBe(recoveryWrap);
  });

  it('are several', () => {
    expect(recoverable.length).toBeGreaterThan(2);
  });
});
