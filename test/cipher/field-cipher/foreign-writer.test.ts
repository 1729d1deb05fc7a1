/** What a writer that is not this library, but has its keys, can leave behind. */
import { placeOf } from '../../../src/document/document-draft.js';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fieldCipher } from '../../../src/cipher/field-cipher.js';
import type { Dek } from '../../../src/dek/dek.js';
import type { ActiveDekRow } from '../../../src/adapters.js';
import {
  decryptAny,
  KEY,
  MEK_VERSION,
  note,
  PRODUCT,
  sealed,
  setup,
} from '../../support/encryptor.js';
import { failure } from '../../support/failure.js';
import { activeRow } from '../../support/rows.js';

describe('a payload that this version does not know', () => {
  it.each([
    ['the reserved type', 4, 'text'],
    ['no type', 0, 'text'],
    ['JSON that does not parse', 2, 'a canary that no message may quote {'],
  ])('is unsupported, and nothing of it is shown: %s', async (_what, marker, payload) => {
    const { encryptor, dekCache } = setup();
    const { dekId } = await sealed(encryptor, 'text');
    const cipher = fieldCipher(dekCache.get(dekId) as Dek, placeOf(note, PRODUCT, KEY));
    const body = cipher.seal(note.declaredField('body'), { marker, payload }, MEK_VERSION);
    expect(await failure(decryptAny(encryptor, { ...KEY, body }))).toEqual({
      name: 'FieldEncryptionError',
      code: 'ENVELOPE_UNSUPPORTED',
      message:
        'The envelope at "body" holds a value of a kind that this version does not know: upgrade @bytelyst/field-encrypt to read it',
    });
  });
});

describe('a row whose DEK was exchanged for another, soundly wrapped', () => {
  it('is found out by a writer that still holds the DEK, and nothing is sealed', async () => {
    const { encryptor, memory, clock, keyProvider, dekCache } = setup();
    const { dekId } = await sealed(encryptor, 'text');
    const item = await memory.get(dekId);
    const planted = await activeRow({
      parts: ['notes', KEY.workspaceId, KEY.id],
      generation: 1,
      dek: randomBytes(32),
      keyProvider,
      mekVersion: (item?.value as ActiveDekRow).mekVersion,
    });
    await memory.replace(planted, item?.etag ?? '');
    clock.advance(30_000);
    expect(await failure(sealed(encryptor, 'more'))).toEqual({
      name: 'TamperedError',
      code: 'TAMPERED',
      message: `The commitment of DEK row ${dekId} has changed, and a DEK never changes: restore the row from a backup`,
    });
    expect(dekCache.get(dekId)).toBeUndefined();
  });
});
