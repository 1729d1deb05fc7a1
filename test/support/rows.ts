import { createSecretKey } from 'node:crypto';
import { deriveCommitment } from '../../src/crypto/key-schedule.js';
import { keyScope } from '../../src/format/key-scope.js';
import type { ActiveDekRow, ShreddedDekRow } from '../../src/adapters.js';
import type { KeyProvider } from '../../src/index.js';
import { PRODUCT } from './encryptor.js';

const CREATED_AT = '2026-11-23T10:00:00.000Z';

export interface RowRequest {
  readonly product?: string;
  readonly parts: readonly string[];
  readonly generation: number;
  readonly dek: Uint8Array;
  readonly keyProvider: KeyProvider;
  readonly mekVersion: string;
}

/** A sound row around a DEK that a test chose; the commitment is that of the chosen bytes. */
export async function activeRow(request: RowRequest): Promise<ActiveDekRow> {
  const { product = PRODUCT, parts, generation, dek, keyProvider, mekVersion } = request;
  const { scopeId } = keyScope('document', product, parts);
  const id = `${scopeId}.${String(generation)}`;
  const commitment = deriveCommitment(createSecretKey(dek), product, id);
  const wrap = await keyProvider.wrapKey(dek, { mekVersion });
  return {
    id,
    scopeId,
    scopeKind: 'document',
    scope: parts,
    type: 'dek',
    schema: 1,
    product,
    generation,
    state: 'active',
    ...wrap,
    epoch: 1,
    commitment,
    createdAt: CREATED_AT,
  };
}

export function tombstone(parts: readonly string[], generation: number): ShreddedDekRow {
  const { scopeId } = keyScope('document', PRODUCT, parts);
  return {
    id: `${scopeId}.${String(generation)}`,
    scopeId,
    scopeKind: 'document',
    scope: parts,
    type: 'dek',
    schema: 1,
    product: PRODUCT,
    generation,
    state: 'shredded',
    epoch: 1,
    createdAt: CREATED_AT,
    shreddedAt: CREATED_AT,
  };
}
