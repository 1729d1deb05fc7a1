/** Which items of a container are no DEK rows. @module */

/** Known types beside `dek`, those of later versions included: every reader has to pass over them. */
export const NO_ROW_TYPES = [
  'rotation',
  'lease',
  'definition',
  'reencryption',
  'member',
  'proposal',
] as const;

/** In the `scopeId` of each item of such a type, and of no row. */
export const NO_ROW_MARK = ':';

/**
 * Whether `list` and `count` leave an item out.
 *
 * By type and scope together: a row whose type was edited must not be hidden from a rotation.
 */
export function isNoRow({
  type,
  scopeId,
}: {
  readonly type?: unknown;
  readonly scopeId?: unknown;
}): boolean {
  const isKnown = (NO_ROW_TYPES as readonly unknown[]).includes(type);
  return isKnown && typeof scopeId === 'string' && scopeId.includes(NO_ROW_MARK);
}
