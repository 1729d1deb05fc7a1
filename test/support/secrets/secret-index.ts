/** Secrets that passed by, and a search for any of them that takes no longer the more there are. @module */

/** Long enough that chance does not make one: 64 bits of a key in hex, 96 in base64. */
const WINDOW = 16;
const START_BYTES = 12;
const MOST_DEPTH = 8;
const BYTE_LIST = /\d{1,3}(?:,\d{1,3}){11,}/g;

/** What is a secret by its looks: tokens, client secrets and private keys of the test servers. */
const PATTERNS: readonly (readonly [string, RegExp])[] = [
  ['a token', /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/],
  ['a client secret', /secret-of-[0-9a-f]{4}/],
  ['a private key', /BEGIN [A-Z ]*PRIVATE KEY/],
];

export class SecretIndex {
  readonly #starts = new Set<string>();

  /** Secrets known; those that begin alike count once. */
  get size(): number {
    return this.#starts.size;
  }

  /** For the next test file of the process: it has secrets of its own. */
  forget(): void {
    this.#starts.clear();
  }

  /** A key, in any spelling that may occur. */
  addBytes(bytes: Uint8Array): void {
    if (bytes.length < START_BYTES) return;
    const start = Buffer.from(bytes.buffer, bytes.byteOffset, START_BYTES);
    this.#starts.add(start.toString('hex').slice(0, WINDOW));
    this.#starts.add(start.toString('base64'));
    this.#starts.add(start.toString('base64url'));
  }

  /** Plaintext or ciphertext. Text that is too short to be distinguished from other words is not searched. */
  addText(text: string): void {
    if (text.length >= WINDOW) this.#starts.add(text.slice(0, WINDOW));
  }

  /**
   * Every text and all bytes in a document, and none of its getters asked; of an envelope the ciphertext
   * alone, since ids are published.
   */
  addDocument(value: unknown, depth = 0): void {
    if (typeof value === 'string') this.addText(value);
    else if (value instanceof Uint8Array) this.addBytes(value);
    else if (typeof value === 'object' && value !== null && depth < MOST_DEPTH) {
      const properties: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(value);
      const { _enc, ct } = properties;
      const within = _enc ? [ct] : Object.values(properties);
      for (const property of within) this.addDocument(property?.value, depth + 1);
    }
  }

  /** What kind of secret is in the text; `undefined` where there is none. */
  findIn(text: string): string | undefined {
    const pattern = PATTERNS.find(([, expression]) => expression.test(text));
    if (pattern) return pattern[0];
    const dense = text.replaceAll(/\s/g, '');
    const spellings = [text, dense, dense.toLowerCase(), ...bytesListedIn(dense)];
    return spellings.some((each) => this.#isIn(each)) ? 'a key or a text' : undefined;
  }

  #isIn(text: string): boolean {
    for (let at = 0; at + WINDOW <= text.length; at += 1) {
      if (this.#starts.has(text.slice(at, at + WINDOW))) return true;
    }
    return false;
  }
}

/** `[1, 2, 3, …]`, as bytes are printed, in hex. */
function bytesListedIn(text: string): string[] {
  return (text.match(BYTE_LIST) ?? []).map((list) =>
    Buffer.from(list.split(',').map(Number)).toString('hex'),
  );
}
