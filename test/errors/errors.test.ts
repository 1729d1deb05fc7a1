import type { KeyProviderErrorCode } from '../../src/errors/errors.js';
import { describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  EnvKeyProvider,
  FieldEncryptionError,
  isFieldEncryptionError,
  KeyProviderError,
  StoreError,
  TamperedError,
  type AnyFieldEncryptionError,
  type Envelope,
  type ErrorCode,
} from '../../src/index.js';
import { initEncryption } from '../../src/index.js';
import { MemoryDekStore } from '../../src/testing/index.js';
import {
  decryptAny,
  encryptAny,
  KEY,
  MEK_HEX,
  note,
  OTHER_MEK_HEX,
  PRODUCT,
  sealed,
  setup,
} from '../support/encryptor.js';
import { rejection, thrownBy } from '../support/failure.js';
import { featureErrors } from '../support/feature-errors.js';
import { alterRow, ofType, rewrap, start, withKeys } from '../support/rotations.js';

const SCOPE = '6ba93ee4f21c83cde16a191438027014';
const DEK_ID = `${SCOPE}.1`;

interface Case {
  readonly provoke: () => Promise<unknown>;
  readonly type: abstract new (...args: never[]) => Error;
  readonly message: string;
  readonly retryable?: boolean;
  readonly dekId?: string;
  readonly path?: string;
}

async function stored(): Promise<readonly [ReturnType<typeof setup>, Envelope]> {
  const made = setup();
  return [made, await sealed(made.encryptor, 'text')];
}

async function readAltered(change: object, body?: object): Promise<unknown> {
  const [made, envelope] = await stored();
  const reader = setup({ beside: made });
  reader.store.after = (_method, result) => {
    const item = result as { value: object };
    return { ...item, value: { ...item.value, ...change } };
  };
  return rejection(decryptAny(reader.encryptor, { ...KEY, body: { ...envelope, ...body } }));
}

function adapters(error: Error): () => Promise<unknown> {
  return async () => {
    const [made, body] = await stored();
    const reader = setup({ beside: made });
    const failing = error instanceof KeyProviderError ? reader.provider : reader.store;
    failing.before = () => Promise.reject(error);
    const reported = await rejection(decryptAny(reader.encryptor, { ...KEY, body }));
    expect(reported).toBe(error);
    return reported;
  };
}

function asProvided(code: KeyProviderErrorCode, details: { retryable?: boolean } = {}): Case {
  const provoke = adapters(new KeyProviderError(code, 'As the provider said', details));
  return { type: KeyProviderError, provoke, message: 'As the provider said', ...details };
}

const plain = { type: FieldEncryptionError };

/** Each code of the union, provoked through the front door where the library itself raises it. */
const cases: Readonly<Record<ErrorCode, Case>> = {
  ...featureErrors,
  ADAPTER_CONTRACT: {
    ...plain,
    provoke: () => {
      const made = setup();
      made.provider.after = (method, result) => (method === 'wrapKey' ? {} : result);
      return rejection(sealed(made.encryptor, 'text'));
    },
    message:
      'The key provider "env" broke rule K3: wrapKey returned a different wrap than requested; fix the adapter',
  },
  ALREADY_EXISTS: {
    type: StoreError,
    provoke: async () => {
      const [{ memory }] = await stored();
      const row = await memory.get(DEK_ID);
      return rejection(memory.create(row?.value as never));
    },
    message: `The item ${DEK_ID} already exists`,
  },
  CIPHER_STALE: {
    ...plain,
    provoke: async () => {
      const [{ encryptor, clock }] = await stored();
      const open = await encryptor.openDocument(note, KEY);
      clock.advance(30_000);
      return thrownBy(() => open.seal('body', 'text'));
    },
    message: `The document was opened too long ago to use DEK ${DEK_ID}: open it again`,
    dekId: DEK_ID,
  },
  CONFIGURATION_INVALID: {
    type: ConfigurationError,
    provoke: () =>
      rejection(
        initEncryption({
          dekStore: new MemoryDekStore(),
          env: {
            FIELD_ENCRYPT_ENABLED: 'true',
            FIELD_ENCRYPT_PRODUCT: PRODUCT,
            FIELD_ENCRYPT_KEY_PROVIDER: 'env',
            FIELD_ENCRYPT_KEY: 'short',
          },
        }),
      ),
    message:
      'Encryption is not configured:\n- FIELD_ENCRYPT_KEY must be 32 bytes as base64, base64url or hex',
  },
  CONTENDED: {
    ...plain,
    provoke: () => {
      const made = setup();
      made.store.before = (method) => {
        if (method !== 'create') return;
        throw new StoreError('ALREADY_EXISTS', 'taken');
      };
      return rejection(sealed(made.encryptor, 'text'));
    },
    message: `Creating a DEK of scope ${SCOPE} did not succeed in 8 attempts: other processes were faster; try again`,
    retryable: true,
  },
  DEK_NOT_FOUND: {
    ...plain,
    provoke: async () => {
      const [, envelope] = await stored();
      return rejection(decryptAny(setup().encryptor, { ...KEY, body: envelope }));
    },
    message: `DEK ${DEK_ID} is not in the store: restore its row from a backup, and do not overwrite the document before the row is restored or accepted as lost`,
    dekId: DEK_ID,
  },
  DEK_SHREDDED: {
    ...plain,
    provoke: async () => {
      const [{ encryptor }, body] = await stored();
      await encryptor.shred(note, KEY);
      return rejection(decryptAny(encryptor, { ...KEY, body }));
    },
    message: `DEK ${DEK_ID} was shredded at 2026-11-23T10:00:00.000Z: the data that it sealed cannot be read any more`,
    dekId: DEK_ID,
  },
  DOCUMENT_MOVED: {
    ...plain,
    provoke: async () => {
      const [{ encryptor }, body] = await stored();
      return rejection(encryptAny(encryptor, { ...KEY, id: 'note-2', body }));
    },
    message:
      'The envelope at "body" was sealed for another document: if this one was moved, decrypt it under its old key parts and encrypt it under the new ones',
    dekId: DEK_ID,
    path: 'body',
  },
  ENVELOPE_REFUSED: {
    ...plain,
    provoke: () => rejection(encryptAny(setup().encryptor, { ...KEY, body: { _enc: 1 } })),
    message:
      'The value at "body" looks like an envelope but is not one of this document\'s own: no value may have a property named "_enc"',
    path: 'body',
  },
  ENVELOPE_UNSUPPORTED: {
    ...plain,
    provoke: () => readAltered({}, { _enc: 2 }),
    message:
      'The envelope at "body" has format version 2: upgrade @bytelyst/field-encrypt to read it',
    path: 'body',
  },
  ETAG_MISMATCH: {
    type: StoreError,
    provoke: async () => {
      const [{ memory }] = await stored();
      const row = await memory.get(DEK_ID);
      return rejection(memory.replace(row?.value as never, 'old'));
    },
    message: `The item ${DEK_ID} was changed or removed by another writer`,
  },
  KEY_PROVIDER_DENIED: asProvided('KEY_PROVIDER_DENIED'),
  KEY_PROVIDER_FAILED: asProvided('KEY_PROVIDER_FAILED'),
  KEY_PROVIDER_NOT_CONFIGURED: {
    ...plain,
    provoke: () => readAltered({ keyProvider: 'akv' }),
    message:
      'No configured key provider has the id "akv" and the MEK "env": add it to "keyProviders"',
  },
  KEY_PROVIDER_THROTTLED: asProvided('KEY_PROVIDER_THROTTLED', { retryable: true }),
  KEY_PROVIDER_UNAVAILABLE: asProvided('KEY_PROVIDER_UNAVAILABLE', { retryable: true }),
  MEK_DISABLED: {
    type: KeyProviderError,
    provoke: async () => {
      const [made, body] = await stored();
      const reader = setup({ beside: made });
      const disabled = new KeyProviderError('MEK_DISABLED', 'Disabled');
      reader.provider.before = () => Promise.reject(disabled);
      const reported = await rejection(decryptAny(reader.encryptor, { ...KEY, body }));
      expect((reported as Error).cause).toBe(disabled);
      return reported;
    },
    message: `DEK ${DEK_ID} is still wrapped by the MEK env/env/env-2e78b39dca20f0b4, which cannot be used: enable or configure that version again, then rewrap the remaining rows with rewrapAllDeks`,
    dekId: DEK_ID,
  },
  MEK_NOT_VALID_NOW: asProvided('MEK_NOT_VALID_NOW'),
  MEK_UNSUPPORTED: asProvided('MEK_UNSUPPORTED'),
  MEK_VERSION_UNKNOWN: {
    type: KeyProviderError,
    provoke: async () => {
      const [made, body] = await stored();
      const keyProviders = [new EnvKeyProvider({ key: OTHER_MEK_HEX })];
      const { encryptor } = setup({ beside: made, keyProviders });
      return rejection(decryptAny(encryptor, { ...KEY, body }));
    },
    message: `DEK ${DEK_ID} is still wrapped by the MEK env/env/env-2e78b39dca20f0b4, which cannot be used: enable or configure that version again, then rewrap the remaining rows with rewrapAllDeks`,
    dekId: DEK_ID,
  },
  PLAINTEXT_REFUSED: {
    ...plain,
    provoke: () => rejection(decryptAny(setup().encryptor, { ...KEY, body: 'text' })),
    message:
      'The declared field "body" holds plaintext, and mode "strict" refuses it: backfill the collection, or read in mode "migrate" until that is done',
    path: 'body',
  },
  ROTATION_RECORD_BEHIND: {
    ...plain,
    provoke: async () => {
      const [made] = await stored();
      await alterRow(made, DEK_ID, { epoch: 9 });
      return ofType(await rewrap(made), 'failed')[0]?.error;
    },
    message: `DEK row ${DEK_ID} has the epoch 9, above the rotation record's 1: restore the newest rotation record, or the row if only the row was altered`,
    dekId: DEK_ID,
  },
  ROTATION_RECORD_MISSING: {
    ...plain,
    provoke: async () => {
      const [made] = await stored();
      const other = setup({ beside: made });
      other.store.after = (method, result) => (method === 'getRotation' ? undefined : result);
      return rejection(sealed(other.encryptor, 'text'));
    },
    message:
      'The product "notelett" has DEK rows but no rotation record: restore the item "rotation" of dek_store from a backup before anything is written',
  },
  ROTATION_SUPERSEDED: {
    ...plain,
    provoke: async () => {
      const [made] = await stored();
      const rotating = await start(withKeys(made, ['b', 'a']));
      await rotating.next();
      await (await start(withKeys(made, ['c', 'a']), { takeOver: true })).next();
      return rejection(rotating.next());
    },
    message:
      'The rotation with epoch 2 stopped because the rotation record is at epoch 3 now, with the target env/env/env-14a0d50f83d30aea: nothing more was written; find out what changed it before you start again',
  },
  ROTATION_UNFINISHED: {
    ...plain,
    provoke: async () => {
      const [made] = await stored();
      await (await start(withKeys(made, ['b', 'a']))).next();
      return rejection((await start(withKeys(made, ['c', 'a']))).next());
    },
    message:
      'The rotation to env/env/env-c87645eed57bef29 with epoch 2, begun 2026-11-23T10:00:00.000Z, is not finished: name that target to finish it, or pass "takeOver: true" to start another in its place',
  },
  ROW_UNSUPPORTED: {
    ...plain,
    provoke: () => readAltered({ schema: 2 }),
    message: `DEK row ${DEK_ID} has the schema 2, which this version does not know: upgrade @bytelyst/field-encrypt`,
  },
  STORE_FAILED: {
    type: StoreError,
    provoke: adapters(new StoreError('STORE_FAILED', 'The container is gone')),
    message: 'The container is gone',
  },
  STORE_UNAVAILABLE: {
    type: StoreError,
    provoke: adapters(new StoreError('STORE_UNAVAILABLE', 'The database is down')),
    message: 'The database is down',
    retryable: true,
  },
  TAMPERED: {
    type: TamperedError,
    provoke: () => readAltered({}, { ct: 'AAAA' }),
    message: `The envelope at "body" failed authentication under DEK ${DEK_ID}: it was changed, or moved from another place; a changed definition looks the same; restore the document from a backup`,
    dekId: DEK_ID,
    path: 'body',
  },
  WRAP_REJECTED: {
    type: KeyProviderError,
    provoke: async () => {
      const provider = new EnvKeyProvider({ key: MEK_HEX });
      const mekVersion = await provider.currentVersion();
      const wrap = await provider.wrapKey(Buffer.alloc(32), { mekVersion });
      return rejection(provider.unwrapKey({ ...wrap, wrappedDek: 'AAAA' }));
    },
    message: 'The MEK env/env/env-2e78b39dca20f0b4 did not make this wrap, or the wrap was changed',
  },
};

describe.each(Object.entries(cases))('%s', (code, { provoke, type, ...expected }) => {
  it('has its class, its message, and says whether a retry may help', async () => {
    const error = await provoke();
    expect(error).toBeInstanceOf(FieldEncryptionError);
    expect(error).toBeInstanceOf(type);
    expect(isFieldEncryptionError(error)).toBe(true);
    const { name, message, retryable, dekId, path } = error as FieldEncryptionError;
    expect({ name, code: (error as FieldEncryptionError).code, message }).toEqual({
      name: type.name,
      code,
      message: expected.message,
    });
    expect(retryable).toBe(expected.retryable ?? false);
    if (expected.dekId !== undefined) expect(dekId).toBe(expected.dekId);
    if (expected.path !== undefined) expect(path).toBe(expected.path);
  });
});

describe('an error', () => {
  it('keeps its cause, and has none where there is none', () => {
    const cause = new Error('underneath');
    expect(new StoreError('STORE_FAILED', 'x', { cause }).cause).toBe(cause);
    expect(new KeyProviderError('MEK_DISABLED', 'x', { cause }).cause).toBe(cause);
    expect(new TamperedError('x', { cause }).cause).toBe(cause);
    expect('cause' in new TamperedError('x')).toBe(false);
    expect('cause' in new StoreError('STORE_FAILED', 'x', { cause: undefined })).toBe(true);
  });

  it('says when to retry, if the provider said so', () => {
    const code = 'KEY_PROVIDER_UNAVAILABLE';
    const error = new KeyProviderError(code, 'x', { retryable: true, retryAfterMs: 250 });
    expect(error).toMatchObject({ retryable: true, retryAfterMs: 250 });
    expect('retryAfterMs' in new KeyProviderError(code, 'x')).toBe(false);
  });

  it('of a store is worth a retry when the store is unavailable, unless it says otherwise', () => {
    expect(new StoreError('STORE_UNAVAILABLE', 'x').retryable).toBe(true);
    expect(new StoreError('STORE_UNAVAILABLE', 'x', { retryable: false }).retryable).toBe(false);
    expect(new StoreError('ETAG_MISMATCH', 'x').retryable).toBe(false);
  });

  it('of the configuration lists every problem', () => {
    const problems = [
      { variable: 'ONE', problem: 'is missing' },
      { variable: 'TWO', problem: 'is odd' },
    ];
    const error = new ConfigurationError(problems);
    expect(error.problems).toEqual(problems);
    expect(error.message).toBe('Encryption is not configured:\n- ONE is missing\n- TWO is odd');
  });

  it('is distinguished from others', () => {
    for (const other of [new Error('x'), { code: 'TAMPERED' }, null, undefined, 'TAMPERED']) {
      expect(isFieldEncryptionError(other)).toBe(false);
    }
  });

  it('narrows by its code', () => {
    const describeIt = (error: AnyFieldEncryptionError): unknown => {
      switch (error.code) {
        case 'CONFIGURATION_INVALID':
          return error.problems.length;
        case 'KEY_PROVIDER_UNAVAILABLE':
          return error.retryAfterMs;
        case 'TAMPERED':
          return error satisfies TamperedError;
        case 'STORE_UNAVAILABLE':
          return error satisfies StoreError;
        case 'DEK_NOT_FOUND':
          return error.dekId;
        default:
          return error.code;
      }
    };
    expect(describeIt(new ConfigurationError([]))).toBe(0);
    const throttled = { retryAfterMs: 5 };
    expect(describeIt(new KeyProviderError('KEY_PROVIDER_UNAVAILABLE', 'x', throttled))).toBe(5);
    expect(describeIt(new FieldEncryptionError('DEK_NOT_FOUND', 'x', { dekId: DEK_ID }))).toBe(
      DEK_ID,
    );
    expect(describeIt(new KeyProviderError('MEK_DISABLED', 'x'))).toBe('MEK_DISABLED');
  });
});
