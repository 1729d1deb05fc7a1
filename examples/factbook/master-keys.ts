import { randomBytes } from 'node:crypto';

type Variables = Readonly<Record<string, string>>;

/** Environment variables of the demo's processes, before, during and after the rotation. */
export interface MasterKeys {
  readonly oldKeyAlone: Variables;
  readonly bothKeys: Variables;
  readonly newKeyAlone: Variables;
}

export function makeMasterKeys(): MasterKeys {
  const [oldKey, newKey] = [randomKey(), randomKey()];
  return {
    oldKeyAlone: variables({ FIELD_ENCRYPT_KEY: oldKey }),
    bothKeys: variables({ FIELD_ENCRYPT_KEY: newKey, FIELD_ENCRYPT_PREVIOUS_KEYS: oldKey }),
    newKeyAlone: variables({ FIELD_ENCRYPT_KEY: newKey }),
  };
}

function variables(keys: Variables): Variables {
  return {
    NODE_ENV: 'development',
    FIELD_ENCRYPT_ENABLED: 'true',
    FIELD_ENCRYPT_PRODUCT: 'notelett-demo',
    FIELD_ENCRYPT_KEY_PROVIDER: 'env',
    ...keys,
  };
}

function randomKey(): string {
  return randomBytes(32).toString('base64');
}
