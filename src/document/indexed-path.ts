/** Names the place of a declared field in a document, with the indexes of list elements. @module */
import type { FieldNode } from './field-tree.js';

type Holder = Readonly<Record<string | number, unknown>>;

interface Search {
  /** How many fields come before the one that is searched. */
  left: number;
}

/**
 * Called only for a refusal: the walk visits the fields in the order of `draftOf`.
 *
 * @param nth - Index of the slot in the draft.
 * @returns For example `sections[2].title`; `undefined` where there are fewer fields.
 */
export function indexedPath(
  document: Holder,
  tree: readonly FieldNode[],
  nth: number,
): string | undefined {
  return inChildren(document, tree, { left: nth });
}

function inChildren(
  holder: Holder,
  children: readonly FieldNode[],
  search: Search,
): string | undefined {
  for (const node of children) {
    if (!Object.hasOwn(holder, node.name)) continue;
    const value = holder[node.name];
    const found = node.each ? inElements(value, node, search) : inValue(value, node, search);
    if (found !== undefined) return node.name + found;
  }
  return undefined;
}

function inElements(value: unknown, node: FieldNode, search: Search): string | undefined {
  if (!Array.isArray(value)) return undefined;
  for (const [index, element] of value.entries()) {
    const found = inValue(element, node, search);
    if (found !== undefined) return `[${String(index)}]${found}`;
  }
  return undefined;
}

function inValue(
  value: unknown,
  { field, children }: FieldNode,
  search: Search,
): string | undefined {
  if (field) {
    search.left -= 1;
    return search.left < 0 ? '' : undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const found = inChildren(value as Holder, children, search);
  return found === undefined ? undefined : `.${found}`;
}
