/** RSA key pairs, which take long to make and are therefore lent out. @module */
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export interface RsaPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

interface Loan {
  /** Size and exponent. */
  readonly sort: string;
  readonly pair: RsaPair;
}

const generate = promisify(generateKeyPair);

/** By way of PEM: Node 20 can freeze when it exports as JWK what it has just generated. */
export const AS_PEM = {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
} as const;

/** So that a vault never gets the keys of those that were stopped just before it started. */
const RESTING_VAULTS = 2;

/** Returned ones, by vault; the process's own. */
let returned: readonly (readonly Loan[])[] = [];

/** What one vault has on loan: no other that is open has any of it. */
export class RsaLoans {
  #lent: readonly Loan[] = [];

  async borrow(modulusLength: number, publicExponent: number): Promise<RsaPair> {
    const sort = `${String(modulusLength)}/${String(publicExponent)}`;
    const loan = takeReturned(sort) ?? {
      sort,
      pair: await makePair(modulusLength, publicExponent),
    };
    this.#lent = [...this.#lent, loan];
    return loan.pair;
  }

  /** What a backup holds may be restored in another vault: it is lent to none any more. */
  keep(): void {
    this.#lent = [];
  }

  giveBack(): void {
    if (this.#lent.length > 0) returned = [...returned, this.#lent];
    this.#lent = [];
  }
}

async function makePair(modulusLength: number, publicExponent: number): Promise<RsaPair> {
  const made: unknown = await generate('rsa', { modulusLength, publicExponent, ...AS_PEM });
  const { publicKey, privateKey } = made as Record<keyof RsaPair, string>;
  return { publicKey: createPublicKey(publicKey), privateKey: createPrivateKey(privateKey) };
}

function takeReturned(sort: string): Loan | undefined {
  const loan = returned
    .slice(0, -RESTING_VAULTS)
    .flat()
    .find((each) => each.sort === sort);
  // A vault of which nothing is left still counts as one that was stopped.
  returned = returned.map((loans) => loans.filter((each) => each !== loan));
  return loan;
}
