/** What each operation does to the vault, and answers. @module */
import type { Operation } from './operation.js';
import { pageOf } from './paging.js';
import { Refusal } from './refusal.js';
import type { Vault } from './vault.js';
import { newestOf } from './vault.js';
import { bundle, deletedBundle, deletedItem, keyId, keyItem, versionItem } from './wire.js';
import { backupInput, cipherInput, createInput, parseBody, versionInput } from './wire-input.js';

/** A request that may be served. */
export interface VaultCall {
  readonly operation: Operation;
  readonly keyName: string;
  /** Empty where the client left it to the service. */
  readonly version: string;
  readonly bodyText: string;
  readonly url: URL;
}

export interface VaultReply {
  readonly status: number;
  readonly body?: Readonly<Record<string, unknown>>;
}

type Work = (vault: Vault, call: VaultCall) => VaultReply | Promise<VaultReply>;

export function serve(vault: Vault, call: VaultCall): VaultReply | Promise<VaultReply> {
  return WORK[call.operation](vault, call);
}

const WORK: Readonly<Record<Operation, Work>> = {
  async create(vault, { keyName, bodyText, url }) {
    const key = await vault.create(keyName, createInput(parseBody(bodyText)));
    return ok(bundle(url.origin, keyName, newestOf(key)));
  },
  get(vault, { keyName, version, url }) {
    return ok(bundle(url.origin, keyName, vault.readVersion(keyName, version)));
  },
  versions(vault, { keyName, url }) {
    const inNoOrder = [...vault.read(keyName).versions].sort((one, other) =>
      one.version < other.version ? -1 : 1,
    );
    return ok(
      pageOf(
        inNoOrder.map((each) => versionItem(url.origin, keyName, each)),
        url,
      ),
    );
  },
  list(vault, { url }) {
    return ok(
      pageOf(
        vault.list().map((key) => keyItem(url.origin, key)),
        url,
      ),
    );
  },
  async rotate(vault, { keyName, url }) {
    return ok(bundle(url.origin, keyName, newestOf(await vault.rotate(keyName))));
  },
  update(vault, { keyName, version, bodyText, url }) {
    const updated = vault.update(keyName, version, versionInput(parseBody(bodyText)));
    return ok(bundle(url.origin, keyName, updated));
  },
  wrapKey(vault, { keyName, version, bodyText, url }) {
    const { algorithm, value } = cipherInput(parseBody(bodyText));
    const used = vault.use('wrapKey', keyName, version);
    return cipherReply(url, keyName, used.version, used.material.wrap(algorithm, value));
  },
  unwrapKey(vault, { keyName, version, bodyText, url }) {
    const { algorithm, value } = cipherInput(parseBody(bodyText));
    const used = vault.use('unwrapKey', keyName, version);
    return cipherReply(url, keyName, used.version, used.material.unwrap(algorithm, value));
  },
  delete(vault, { keyName, url }) {
    return ok(deletedBundle(url.origin, vault.delete(keyName)));
  },
  listDeleted(vault, { url }) {
    return ok(
      pageOf(
        vault.listDeleted().map((key) => deletedItem(url.origin, key)),
        url,
      ),
    );
  },
  getDeleted(vault, { keyName, url }) {
    return ok(deletedBundle(url.origin, vault.readDeleted(keyName)));
  },
  recover(vault, { keyName, url }) {
    return ok(bundle(url.origin, keyName, newestOf(vault.recover(keyName))));
  },
  purge(vault, { keyName }) {
    vault.purge(keyName);
    return { status: 204 };
  },
  backup(vault, { keyName }) {
    return ok({ value: vault.backup(keyName).toString('base64url') });
  },
  restore(vault, { bodyText, url }) {
    const key = vault.restore(backupInput(parseBody(bodyText)));
    return ok(bundle(url.origin, key.name, newestOf(key)));
  },
  other() {
    throw new Refusal({ status: 404, code: 'NotFound', message: 'There is no such path.' });
  },
};

function ok(body: Readonly<Record<string, unknown>>): VaultReply {
  return { status: 200, body };
}

function cipherReply(url: URL, name: string, version: string, value: Buffer): VaultReply {
  return ok({ kid: keyId(url.origin, name, version), value: value.toString('base64url') });
}
