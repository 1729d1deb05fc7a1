/** What of an item is the application's own. @module */

export type ItemContent = Readonly<Record<string, unknown>>;

const SYSTEM_PROPERTIES = new Set(['_attachments', '_etag', '_rid', '_self', '_ts']);

export function withoutSystemProperties(item: ItemContent): ItemContent {
  // Entries, and not assignments: one of them may be named `__proto__`.
  const own = Object.entries(item).filter(([name]) => !SYSTEM_PROPERTIES.has(name));
  return Object.fromEntries(own);
}

/** A copy as it will be sent, so that nothing the caller does to the original reaches it. */
export function contentOf(item: object): ItemContent {
  return withoutSystemProperties(JSON.parse(JSON.stringify(item)) as ItemContent);
}
