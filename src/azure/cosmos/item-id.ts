/** Item ids that Cosmos DB can hold and the SDK can ask for. @module */

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
