import { createDecipheriv, hkdfSync } from 'node:crypto';
import type { LiveDekRow } from '../../src/adapters.js';
import type { Envelope } from '../../src/index.js';
import { PRODUCT } from '../support/encryptor.js';
import { openWrap, tuple } from '../support/rotation/meks.js';
import { keyOf, type Field } from './ledger.js';

const COLLECTION = 'notes';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Opens what is stored, by docs/format.md and Node alone: nothing that is judged helps to judge it. */
export class Oracle {
  readonly #fieldKeys = new Map<string, Buffer>();

  /** @throws Error where the envelope was not sealed under the row's DEK in just this place. */
  open(row: LiveDekRow, documentId: string, field: Field, envelope: Envelope): string {
    const sealed = Buffer.from(envelope.ct, 'base64url');
    const key = this.#fieldKey(row, documentId);
    const nonce = sealed.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    const place = [PRODUCT, COLLECTION, documentTuple(documentId), field, envelope.dekId];
    decipher.setAAD(tuple('field-encrypt/v1/field', ...place));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    const plain = decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES));
    decipher.final();
    if (plain[0] !== 0x01) throw new Error('It is not a string');
    return plain.subarray(1).toString('utf8');
  }

  #fieldKey(row: LiveDekRow, documentId: string): Buffer {
    const name = `${row.id} ${documentId}`;
    const known = this.#fieldKeys.get(name);
    if (known) return known;
    const place = [PRODUCT, row.id, COLLECTION, documentTuple(documentId)];
    const info = tuple('field-encrypt/v1/field-key', ...place);
    const key = Buffer.from(hkdfSync('sha256', openWrap(row), '', info, 32));
    this.#fieldKeys.set(name, key);
    return key;
  }
}

function documentTuple(documentId: string): Buffer {
  const { workspaceId, id } = keyOf(documentId);
  return tuple(workspaceId, id);
}
