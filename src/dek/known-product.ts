/** Refuses a product that a DEK store does not know: most often, its name is misspelt. @module */
import { FieldEncryptionError } from '../errors/errors.js';
import { shortName } from '../format/dek-row.js';
import { type DekStore, type DekStoreOptions, readRotationItem } from '../store/dek-store.js';

export interface ProductOptions {
  /**
   * Whether the product may have neither DEK rows nor a rotation record. Otherwise it is refused, with the
   * products that the store has: its name is probably misspelt.
   *
   * @default false
   */
  readonly allowEmpty?: boolean;
}

type ProductStore = Pick<Required<DekStore>, 'count' | 'getItem' | 'listProducts'>;

const MOST_NAMED = 10;

interface KnownProductOptions extends DekStoreOptions {
  /** Accepts the first product of a store: there is no other that could be meant. */
  readonly mayBeFirst?: boolean;
}

/** @throws FieldEncryptionError `PRODUCT_EMPTY` where the product has neither rows nor a record. */
export async function requireKnownProduct(
  dekStore: ProductStore,
  product: string,
  { mayBeFirst = false, ...options }: KnownProductOptions,
): Promise<void> {
  if ((await dekStore.count({ product }, options)) > 0) return;
  if (await readRotationItem(dekStore, product, options)) return;
  const products = await dekStore.listProducts(options);
  if (products.length > 0 || !mayBeFirst) throw productEmptyBeside(products, product);
}

export async function productEmpty(
  dekStore: Pick<ProductStore, 'listProducts'>,
  product: string,
  options: DekStoreOptions,
): Promise<FieldEncryptionError> {
  return productEmptyBeside(await dekStore.listProducts(options), product);
}

function productEmptyBeside(products: readonly string[], product: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'PRODUCT_EMPTY',
    `The product "${shortName(product)}" has neither DEK rows nor a rotation record in this store${found(products)}: correct "product" or "dekStore"; pass "allowEmpty: true" where nothing was encrypted yet`,
  );
}

function found(products: readonly string[]): string {
  if (products.length === 0) return '';
  const names = products.slice(0, MOST_NAMED).map((name) => `"${shortName(name)}"`);
  const more = products.length > MOST_NAMED ? ' and more' : '';
  return `, which has ${names.join(', ')}${more}`;
}
