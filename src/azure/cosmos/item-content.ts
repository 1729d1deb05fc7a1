/** What of an item is the application's own. @module */

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
