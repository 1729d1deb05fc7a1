/** Settings that are wrong together, whatever else is wrong. @module */
import { suggestion } from '../command-line/nearest.js';
import { at } from './value-reader.js';

type Part = Readonly<Record<string, unknown>>;

/** @param settings - Not validated: anything that is not there, or of another type, is passed over. */
export function contradictionsIn(settings: unknown): readonly string[] {
  const products = partOf(partOf(settings)['products']);
  return Object.entries(products).flatMap(([name, product]) => {
    const path = at('products', name);
    const own = partOf(product);
    return [...recordKeys(path, own), ...sameProviders(path, own), ...copies(path, own)];
  });
}

function recordKeys(path: string, product: Part): readonly string[] {
  if (product['recordKey'] !== undefined) return [];
  const names = ['previousRecordKeys', 'insecureAcceptUnauthenticatedRecords'];
  return names
    .filter((name) => product[name] !== undefined && product[name] !== false)
    .map((name) => `${at(path, name)}: protects nothing without a recordKey: configure that too`);
}

const DEFAULT_IDS: Readonly<Record<string, string>> = { 'azure-key-vault': 'akv', env: 'env' };

/** DEK rows name a provider by its id and the name of the MEK. */
function sameProviders(path: string, { providers }: Part): readonly string[] {
  const names = (Array.isArray(providers) ? providers : []).map(nameOf);
  return names.flatMap((name, index) => {
    const first = name === undefined ? index : names.indexOf(name);
    if (first === index) return [];
    const place = at(path, 'providers', index);
    const other = at(path, 'providers', first);
    return [`${place}: has the id and the MEK name of ${other}: give one of them another "id"`];
  });
}

function nameOf(provider: unknown): string | undefined {
  const { type, id, mekName } = partOf(provider);
  const { id: usual } = { id: DEFAULT_IDS[String(type)] };
  const name = type === 'env' ? 'env' : mekName;
  const known = id ?? usual;
  if (typeof known !== 'string' || name === undefined) return undefined;
  return JSON.stringify([known, name]);
}

function copies(path: string, product: Part): readonly string[] {
  const known = Object.keys(partOf(product['collections']));
  return Object.entries(partOf(product['copies'])).flatMap(([copy, settings]) =>
    Object.keys(partOf(partOf(settings)['collections']))
      .filter((name) => !known.includes(name))
      .map((name) => {
        const place = at(path, 'copies', copy, 'collections', name);
        return `${place}: is not one of the collections of the product${suggestion(name, known)}`;
      }),
  );
}

function partOf(value: unknown): Part {
  return typeof value === 'object' && value !== null ? (value as Part) : {};
}
