/** The application's own content of an item, and the id it is stored under. @module */

export type ItemContent = Readonly<Record<string, unknown>>;

/** Cosmos DB sets them with every write, whatever was sent. */
export const SYSTEM_PROPERTIES = ['_attachments', '_etag', '_rid', '_self', '_ts'] as const;

type SystemProperty = (typeof SYSTEM_PROPERTIES)[number];

const TYPES: Readonly<Record<SystemProperty, string>> = {
  _attachments: 'string',
  _etag: 'string',
  _rid: 'string',
  _self: 'string',
  _ts: 'number',
};

/** Accounts differ in whether they still add the others. */
const ALWAYS_ADDED: readonly SystemProperty[] = ['_etag', '_rid', '_self', '_ts'];

export function withoutSystemProperties(item: ItemContent): ItemContent {
  // Entries, and not assignments: one of them may be named `__proto__`.
  const own = Object.entries(item).filter(([name]) => !isSystemProperty(name));
  return Object.fromEntries(own);
}

/** A copy as it will be sent, so that nothing the caller does to the original reaches it. */
export function contentOf(item: object): ItemContent {
  return withoutSystemProperties(JSON.parse(JSON.stringify(item)) as ItemContent);
}

/**
 * What is sent to make a document. It has no system properties yet, so one of their names is the
 * application's own, and its value would be lost.
 *
 * @throws RangeError
 */
export function newContentOf(document: object): ItemContent {
  const sent = JSON.parse(JSON.stringify(document)) as ItemContent;
  const [name] = Object.keys(sent).filter(isSystemProperty);
  if (name !== undefined) throw reserved(name);
  return sent;
}

/**
 * What is sent in place of a document. Left out are the system properties of one that was read by the SDK:
 * all of them together, or its `_etag` alone.
 *
 * @throws RangeError for anything else under one of their names: the application's own, as above.
 */
export function nextContentOf(document: object, etag: string): ItemContent {
  const sent = JSON.parse(JSON.stringify(document)) as ItemContent;
  const names = Object.keys(sent).filter(isSystemProperty);
  const own = names.filter((name) => name !== '_etag' || sent[name] !== etag);
  const [name] = own;
  if (name !== undefined && !wasRead(sent)) throw reserved(name);
  return withoutSystemProperties(sent);
}

function wasRead(sent: ItemContent): boolean {
  const names = SYSTEM_PROPERTIES.filter((name) => ALWAYS_ADDED.includes(name) || name in sent);
  return names.every((name) => typeof sent[name] === TYPES[name]);
}

function isSystemProperty(name: string): name is SystemProperty {
  return (SYSTEM_PROPERTIES as readonly string[]).includes(name);
}

function reserved(name: SystemProperty): RangeError {
  return new RangeError(
    `Cosmos DB keeps the property "${name}" for itself, and its value would be lost: give it another name, or leave it out where Cosmos DB set it`,
  );
}

const MOST_BYTES = 1_023;
const MOST_PARTITION_KEY_BYTES = 2_048;
const PLAIN = /^[A-Za-z0-9_:-][A-Za-z0-9._:-]*$/;
const ESCAPE = '~';

/**
 * The id under which an item of any name is stored: letters, digits and `._:-` as they are, whatever
 * else as `~` and two hex digits for each byte of UTF-8. DEK ids and "rotation" never change.
 *
 * Not `%`: gateways take `%2F` in a stored id for a slash.
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

/** The name of an item as it was written; an id that is no such name is given as it is. */
export function fromItemId(id: string): string {
  if (!id.includes(ESCAPE)) return id;
  const name = id.replace(/(?:~[0-9A-F]{2})+/g, (escaped) =>
    Buffer.from(escaped.replaceAll(ESCAPE, ''), 'hex').toString(),
  );
  const known = id === ESCAPE ? '' : name;
  return toItemId(known) === id ? known : id;
}

/**
 * For ids that belong to the application.
 *
 * The SDK puts an id into a path as it is: a `?` in it reads the item named by what is before it, and
 * a delete of `..` is addressed to the container.
 *
 * @throws RangeError where Cosmos DB cannot hold the id, or the SDK would ask for something else.
 */
export function requireItemId(name: string, id: string): void {
  const refusal = refusalOf(id);
  if (refusal === undefined) return;
  throw new RangeError(`"${name}" expected an id that Cosmos DB can hold, got one ${refusal}`);
}

/** @throws RangeError where Cosmos DB cannot hold the value in a partition key. */
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
