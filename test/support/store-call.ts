/** The methods of a DEK store for items that are no rows, and how each begins. */
const ITEM_METHODS: Readonly<Record<string, string>> = {
  createItem: 'create',
  getItem: 'get',
  replaceItem: 'replace',
  deleteItem: 'delete',
};

/**
 * What tests call a call: its method, but for an item its type too, `getRotation` or `replaceLease`, so
 * that they need not look at arguments to tell the rotation record from a lease.
 */
export function storeCallName(method: string, [first, second]: readonly unknown[]): string {
  const verb = ITEM_METHODS[method];
  if (verb === undefined) return method;
  const id = typeof first === 'string' ? String(second) : String((first as { id?: unknown }).id);
  const [type = ''] = id.split(':');
  return `${verb}${type.slice(0, 1).toUpperCase()}${type.slice(1)}`;
}
