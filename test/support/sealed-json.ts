import { placeOf } from '../../src/document/document-draft.js';
import { fieldCipher } from '../../src/cipher/field-cipher.js';
import type { Dek } from '../../src/dek/dek.js';
import type { AnyDefinition, Envelope } from '../../src/index.js';
import { envelopeAt, encryptAny, KEY, note, PRODUCT, type Loose, type Setup } from './encryptor.js';

/** An envelope of just this JSON text, whatever may be sealed today. */
export async function sealedJson(
  { encryptor, dekCache }: Setup,
  text: string,
  {
    key = KEY,
    path = 'body',
    definition = note,
  }: {
    readonly key?: Loose;
    readonly path?: string;
    readonly definition?: AnyDefinition;
  } = {},
): Promise<Envelope> {
  const { dekId, mekVersion } = envelopeAt(
    await encryptAny(encryptor, { ...key, title: '' }),
    'title',
  );
  const cipher = fieldCipher(dekCache.get(dekId) as Dek, placeOf(definition, PRODUCT, key));
  return cipher.seal(definition.declaredField(path), { marker: 2, payload: text }, mekVersion);
}
