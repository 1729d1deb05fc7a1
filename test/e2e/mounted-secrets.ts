/** Secrets of the vault in the cluster, as the Secrets Store CSI driver brings them. @module */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { Variables } from '../support/running-backend.js';

const MANIFEST = join(import.meta.dirname, '../../examples/kubernetes/backend-secrets-store.yaml');

interface VaultObject {
  readonly objectName: string;
  readonly objectAlias?: string;
}

interface SecretProviderClass {
  readonly kind: string;
  readonly spec: {
    readonly parameters: { readonly clientID: string; readonly objects: string };
    readonly secretObjects: readonly {
      readonly data: readonly { readonly key: string; readonly objectName: string }[];
    }[];
  };
}

export class MountedSecrets {
  /** Where `az` has the versions. */
  readonly vault: string;
  /** Where the pods see the files. */
  readonly mount: string;
  readonly #class: SecretProviderClass;
  readonly #objects: readonly VaultObject[];
  readonly #versions = new Map<string, string>();

  constructor(folder: string) {
    this.vault = join(folder, 'vault');
    this.mount = join(folder, 'mount');
    for (const path of [this.vault, this.mount]) mkdirSync(path, { recursive: true });
    const { items } = parse(readFileSync(MANIFEST, 'utf8')) as {
      readonly items: readonly SecretProviderClass[];
    };
    const found = items.find(({ kind }) => kind === 'SecretProviderClass');
    if (!found) throw new Error('There is no SecretProviderClass');
    this.#class = found;
    const { array } = parse(found.spec.parameters.objects) as { readonly array: readonly string[] };
    this.#objects = array.map((text) => parse(text) as VaultObject);
  }

  /** Of the identity that reads the vault. */
  get clientId(): string {
    return this.#class.spec.parameters.clientID;
  }

  /** As the driver does every two minutes. */
  poll(): void {
    for (const { objectName, objectAlias = objectName } of this.#objects) {
      const folder = join(this.vault, objectName);
      if (!existsSync(folder)) continue;
      const newest = readdirSync(folder)
        .filter((name) => !name.endsWith('.disabled'))
        .sort()
        .at(-1);
      if (newest === undefined || existsSync(join(folder, `${newest}.disabled`))) continue;
      writeFileSync(join(this.mount, objectAlias), readFileSync(join(folder, newest)));
      this.#versions.set(objectName, newest.slice(newest.indexOf('-') + 1));
    }
  }

  /** `secret/NAME VERSION` of each object. */
  status(): readonly string[] {
    return [...this.#versions].map(([name, version]) => `secret/${name} ${version}`);
  }

  /** Of the mirrored Kubernetes Secret; none where the vault has no secrets. */
  variables(): Variables {
    const data = this.#class.spec.secretObjects.flatMap((secret) => secret.data);
    const pairs = data.flatMap(({ key, objectName }): [string, string][] => {
      const file = join(this.mount, objectName);
      return existsSync(file) ? [[key, readFileSync(file, 'utf8')]] : [];
    });
    return Object.fromEntries(pairs);
  }

  /** As `az keyvault secret set` does. */
  put(name: string, value: string): void {
    const folder = join(this.vault, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, '0001-00000000000000000000000000000001'), value);
  }

  fileOf(alias: string): string {
    return join(this.mount, alias);
  }
}
