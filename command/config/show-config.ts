/** The configuration in effect: each value, and where it came from. No secret is in it. @module */
import { resolve } from 'node:path';
import { DEFINITION } from './code-values.js';
import type { LoadedConfig } from './config-file.js';
import {
  auditDefaults,
  dekStoreDefaults,
  documentStoreDefaults,
  PRODUCT_DEFAULTS,
  providerDefaults,
  type DefaultValues,
} from './default-values.js';
import { looksLikeKey } from './schema-parts.js';
import type {
  CollectionSettings,
  CopySettings,
  JsonValue,
  ProductSettings,
  Settings,
} from './settings.js';
import { describeObject } from './stores.js';
import { at, isReference } from './value-reader.js';

export type ValueSource =
  | { readonly kind: 'default' }
  /** The file itself, at the path of the value. */
  | { readonly kind: 'file' }
  | { readonly kind: 'variable'; readonly name: string };

export interface ShownValue {
  readonly path: string;
  readonly state: 'hidden' | 'not-set' | 'shown';
  /** Only where it is shown. */
  readonly value?: JsonValue;
  readonly source: ValueSource;
}

/** @param product - Shows this one alone. */
export function showConfig(config: LoadedConfig, product?: string): readonly ShownValue[] {
  const showing = new Showing(config);
  const products = Object.entries(config.settings.products)
    .filter(([name]) => product === undefined || name === product)
    .flatMap(([name, settings]) => showing.product(at('products', name), settings));
  const shown = [...showing.audit(config.settings), ...products];
  return product === undefined ? [...shown, ...showing.ofAll(config.settings)] : shown;
}

/** Variables that hold keys. */
const SECRETS: readonly string[] = [
  'key',
  'previousKeys',
  'recordKey',
  'previousRecordKeys',
  'recoveryKey',
  'reportSecrets',
  'secrets',
  'token',
];

/** Paths that are relative to the configuration. */
const FILES: readonly string[] = ['file', 'folder'];

type DefaultsOf = (type: string, folder: string) => DefaultValues;

class Showing {
  readonly #config: LoadedConfig;

  constructor(config: LoadedConfig) {
    this.#config = config;
  }

  audit({ audit }: Settings): readonly ShownValue[] {
    if (audit === undefined) return [shownAt('audit', 'none: nothing is recorded', DEFAULT)];
    return this.#typed('audit', audit, auditDefaults);
  }

  product(path: string, settings: ProductSettings): readonly ShownValue[] {
    const { providers = [], dekStore, collections = {}, copies = {}, ...others } = settings;
    const { retention = {}, recoveryKey, ...plain } = others;
    const recovery = recoveryKey && !isReference(recoveryKey) ? recoveryKey : undefined;
    const values = recovery ? plain : { ...plain, recoveryKey };
    const { recoveryKey: none, ...defaults } = PRODUCT_DEFAULTS;
    return [
      ...providers.flatMap((each, index) =>
        this.#typed(at(path, 'providers', index), each, providerDefaults),
      ),
      ...this.#typed(at(path, 'dekStore'), dekStore, dekStoreDefaults),
      ...this.#values(path, values, recovery ? defaults : { ...defaults, recoveryKey: none ?? '' }),
      ...(recovery ? this.#values(at(path, 'recoveryKey'), recovery) : []),
      ...Object.entries(collections).flatMap(([name, each]) =>
        this.#collection(at(path, 'collections', name), each),
      ),
      ...Object.entries(copies).flatMap(([name, each]) =>
        this.#copy(at(path, 'copies', name), each),
      ),
      ...this.#values(at(path, 'retention'), retention),
    ];
  }

  /** Settings that belong to no product. */
  ofAll({ reportSecrets }: Settings): readonly ShownValue[] {
    return this.#values('', { reportSecrets }, { reportSecrets: 'none: reports are not signed' });
  }

  #collection(path: string, settings: CollectionSettings): readonly ShownValue[] {
    const { definition, documentStore, upgrade } = settings;
    const { key, fields, stages, former } = definition;
    const known = DEFINITION.is(definition) ? {} : { stages: {}, former: [] };
    return [
      ...this.#values(at(path, 'definition'), { key, fields, stages, former }, known),
      ...this.#typed(at(path, 'documentStore'), documentStore, documentStoreDefaults),
      ...this.#values(path, { upgrade }),
    ];
  }

  #copy(path: string, { dekStore, collections = {} }: CopySettings): readonly ShownValue[] {
    return [
      ...this.#typed(at(path, 'dekStore'), dekStore, dekStoreDefaults),
      ...Object.entries(collections).flatMap(([name, each]) =>
        this.#typed(at(path, 'collections', name), each, documentStoreDefaults),
      ),
    ];
  }

  /** Settings with a type; or an object in their place. */
  #typed(path: string, settings: object, defaultsOf: DefaultsOf): readonly ShownValue[] {
    if (settings.constructor !== Object || !('type' in settings)) {
      return [shownAt(path, describeObject(settings), FILE)];
    }
    return this.#values(path, settings, defaultsOf(String(settings.type), this.#config.folder));
  }

  #values(path: string, settings: object, defaults: DefaultValues = {}): readonly ShownValue[] {
    const given = Object.entries(settings).filter(([, value]) => value !== undefined);
    const names = new Set(given.map(([name]) => name));
    return [
      ...given.map(([name, value]) => this.#value(at(path, name), name, value)),
      ...Object.entries(defaults)
        .filter(([name]) => !names.has(name))
        .map(([name, value]) => shownAt(at(path, name), value, DEFAULT)),
    ];
  }

  #value(path: string, name: string, value: unknown): ShownValue {
    // A condition on documents may have a property of this name.
    if (isReference(value) && name !== 'where') return this.#variable(path, name, value.env);
    if (typeof value === 'function') return shownAt(path, 'a function', FILE);
    if (name === 'credential') return shownAt(path, describeObject(value as object), FILE);
    const isFile = FILES.includes(name) && typeof value === 'string';
    const effective = isFile ? resolve(this.#config.folder, value) : (value as JsonValue);
    return shownAt(path, effective, FILE);
  }

  #variable(path: string, name: string, variable: string): ShownValue {
    const { env, folder } = this.#config;
    const source = { kind: 'variable', name: variable } as const;
    const text = Object.hasOwn(env, variable) ? env[variable] : undefined;
    if (text === undefined || text === '') return { path, state: 'not-set', source };
    if (SECRETS.includes(name)) return { path, state: 'hidden', source };
    return shownAt(path, FILES.includes(name) ? resolve(folder, text) : text, source);
  }
}

const FILE: ValueSource = { kind: 'file' };
const DEFAULT: ValueSource = { kind: 'default' };

/** A key that is in a wrong place by mistake is no reason to print it. */
function shownAt(path: string, value: JsonValue, source: ValueSource): ShownValue {
  const isKey = typeof value === 'string' && looksLikeKey(value);
  return isKey ? { path, state: 'hidden', source } : { path, state: 'shown', value, source };
}
