/** Names of attributes, and values of which there are few. @module */
import type { Attributes } from '@opentelemetry/api';

/** By the naming rules of OpenTelemetry; `error.type` is of its semantic conventions. */
export const ATTRIBUTE = {
  product: 'field_encrypt.product',
  collection: 'field_encrypt.collection',
  keyProvider: 'field_encrypt.key_provider',
  mekName: 'field_encrypt.mek.name',
  mekVersion: 'field_encrypt.mek.version',
  purpose: 'field_encrypt.purpose',
  storeMethod: 'field_encrypt.store.method',
  cacheResult: 'field_encrypt.cache.result',
  evictionReason: 'field_encrypt.cache.eviction.reason',
  run: 'field_encrypt.run.name',
  dryRun: 'field_encrypt.run.dry_run',
  outcome: 'field_encrypt.run.outcome',
  check: 'field_encrypt.readiness.check',
  mode: 'field_encrypt.mode',
  enabled: 'field_encrypt.enabled',
  errorType: 'error.type',
} as const;

/** By the names of this library. */
export type Measured = Readonly<Partial<Record<keyof typeof ATTRIBUTE, unknown>>>;

/** The value that OpenTelemetry has for "another one". */
export const OTHER = '_OTHER';
/** Each is a time series in the backend, and for a histogram more than ten. */
const MOST_VALUES = 100;
const MOST_LETTERS = 256;
/** Of which something is remembered: the names come from outside. */
export const MOST_PRODUCTS = 100;

/** Keeps the number of series bounded, whatever providers, stores and other versions of the library publish. */
export class BoundedValues {
  readonly #known = new Map<string, Set<string>>();

  /** @param parts - Of one measurement; those that are `undefined` are left out. */
  of(parts: Measured): Attributes {
    const attributes: Attributes = {};
    for (const [part, value] of Object.entries(parts)) {
      const name = ATTRIBUTE[part as keyof Measured];
      if (typeof value === 'boolean') attributes[name] = value;
      else if (value !== undefined) attributes[name] = this.#bounded(name, value);
    }
    return attributes;
  }

  #bounded(name: string, value: unknown): string {
    if (typeof value !== 'string' || value.length > MOST_LETTERS) return OTHER;
    const known = this.#known.get(name) ?? new Set();
    if (known.has(value)) return value;
    if (known.size >= MOST_VALUES) return OTHER;
    this.#known.set(name, known.add(value));
    return value;
  }
}
