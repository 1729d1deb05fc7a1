/** The application's own content of an item, and the id it is stored under. @module */

export type ItemContent = Readonly<Record<string, unknown>>;

export interface CosmosItem {
  readonly content: ItemContent;
  readonly etag: string;
}

/** Cosmos DB sets these on every write, whatever was sent. */
export const SYSTEM_PROPERTIES = ['_attachments', '_etag', '_rid', '_self', '_ts'] as const;

type SystemProperty = (typeof SYSTEM_PROPERTIES)[number];

export function withoutSystemProperties(item: ItemContent): ItemContent {
  // Built from entries, not by assignment: a property may be named `__proto__`.
  const own = Object.entries(item).filter(([name]) => !isSystemProperty(name));
  return Object.fromEntries(own);
}

/** Returns a copy of what will be sent, so that later changes of the caller do not reach it. */
export function contentOf(item: object): ItemContent {
  return withoutSystemProperties(JSON.parse(JSON.stringify(item)) as ItemContent);
}

/**
 * Returns the content of a new document. It has no system properties yet, so a property with one of their
 * names is the application's own, and its value would be lost.
 *
 * @throws RangeError
 */
export function newContentOf(document: object): ItemContent {
  const sent = JSON.parse(JSON.stringify(document)) as ItemContent;
  const name = Object.keys(sent).find(isSystemProperty);
  if (name !== undefined) throw reserved(name);
  return sent;
}

/**
 * Returns the content that replaces a document. The system properties of a document that the SDK read are
 * left out: all of them together, or its `_etag` alone.
 *
 * @throws RangeError for any other property with one of their names: it is the application's own, as above.
 */
export function nextContentOf(document: object, etag: string): ItemContent {
  const sent = JSON.parse(JSON.stringify(document)) as ItemContent;
  const names = Object.keys(sent).filter(isSystemProperty);
  const own = names.find((name) => name !== '_etag' || sent[name] !== etag);
  if (own !== undefined && !wasRead(sent)) throw reserved(own);
  return withoutSystemProperties(sent);
}

function wasRead(sent: ItemContent): boolean {
  // Accounts differ in whether they still add `_attachments`.
  const names = SYSTEM_PROPERTIES.filter((name) => name !== '_attachments' || name in sent);
  return names.every((name) => typeof sent[name] === (name === '_ts' ? 'number' : 'string'));
}

function isSystemProperty(name: string): name is SystemProperty {
  return (SYSTEM_PROPERTIES as readonly string[]).includes(name);
}

function reserved(name: SystemProperty): RangeError {
  return new RangeError(
    `Cosmos DB reserves the property "${name}", so its value would be lost: rename it, or leave it out where Cosmos DB set it`,
  );
}

const MOST_BYTES = 1_023;
const MOST_PARTITION_KEY_BYTES = 2_048;
const PLAIN = /^[A-Za-z0-9_:-][A-Za-z0-9._:-]*$/;
const ESCAPE = '~';

/**
 * Returns the id under which an item of any name is stored: letters, digits and `._:-` unchanged, anything
 * else as `~` and two hex digits for each UTF-8 byte. DEK ids and "rotation" never change.
 *
 * `%` is not used: gateways treat `%2F` in a stored id as a slash.
 */
export function toItemId(name: string): string {
  if (PLAIN.test(name)) return name;
  if (name === '') return ESCAPE;
  return name.replace(/^\.|[^A-Za-z0-9._:-]/gu, (letter) =>
    Buffer.from(letter)
      .toString('hex')
      .toUpperCase()
      .replace(/../g, (byte) => `${ESCAPE}${byte}`),
  );
}

/** Returns the original name of an item; an id that encodes no name is returned unchanged. */
export function fromItemId(id: string): string {
  if (!id.includes(ESCAPE)) return id;
  const name = id.replace(/(?:~[0-9A-F]{2})+/g, (escaped) =>
    Buffer.from(escaped.replaceAll(ESCAPE, ''), 'hex').toString(),
  );
  const known = id === ESCAPE ? '' : name;
  return toItemId(known) === id ? known : id;
}

/**
 * For ids that the application chooses.
 *
 * The SDK puts an id into a path unescaped: with a `?` in it, it reads the item named by the text before it,
 * and a delete of `..` is addressed to the container.
 *
 * @throws RangeError where Cosmos DB cannot store the id, or the SDK would address something else.
 */
export function requireItemId(name: string, id: string): void {
  const refusal = refusalOf(id);
  if (refusal === undefined) return;
  throw new RangeError(`"${name}" expected an id that Cosmos DB can hold, got one ${refusal}`);
}

/** @throws RangeError where Cosmos DB cannot store the value in a partition key. */
export function requirePartitionKeyValue(name: string, value: string): void {
  if (Buffer.byteLength(value) <= MOST_PARTITION_KEY_BYTES) return;
  throw new RangeError(`"${name}" expected at most 2048 bytes, got more`);
}

function refusalOf(id: string): string | undefined {
  if (/[/\\?#]/.test(id)) return 'with one of / \\ ? #';
  if (/\p{Cc}/u.test(id)) return 'with a control character';
  if (/\s$/.test(id)) return 'that ends with white space';
  if (id === '.' || id === '..') return 'of dots alone';
  return Buffer.byteLength(id) > MOST_BYTES ? 'of more than 1023 bytes' : undefined;
}
