/** Envelopes of a document's own scope at places where its definition declares no field. @module */
import { isDekOf, type KeyScope } from '../format/key-scope.js';
import type { FieldNode } from '../document/field-tree.js';
import { hasCode } from '../errors/errors.js';
import { looksLikeEnvelope, parseEnvelope, type Envelope } from '../format/envelope.js';

export interface LookAlikeSearch {
  readonly scope: KeyScope;
  /** Envelopes at these paths are in their place. */
  readonly tree: readonly FieldNode[];
  /** Whether plain values at declared paths are searched too. */
  readonly intoValues: boolean;
}

interface Step {
  readonly value: object;
  readonly holder: Step | undefined;
  readonly name: number | string;
  /** The declared nodes for the properties of the value. */
  readonly below: readonly FieldNode[];
  /** The declared node for each element of the value. */
  readonly each?: FieldNode | undefined;
}

const NOTHING: readonly FieldNode[] = [];

/** An object with `_enc` and a `dekId` of the document's own scope, valid or not. */
export class OwnLookAlike {
  readonly value: object;
  readonly dekId: string;
  readonly #step: Step;

  constructor(step: Step, dekId: string) {
    this.value = step.value;
    this.dekId = dekId;
    this.#step = step;
  }

  /** The place with indexes: `history[3].body`; empty for the document itself. */
  get place(): string {
    return this.#text((index) => `[${String(index)}]`);
  }

  /** The place in the form of a declared path: `history[].body`. */
  get path(): string {
    return this.#text(() => '[]');
  }

  #text(element: (index: number) => string): string {
    const names: string[] = [];
    for (let step = this.#step; step.holder; step = step.holder) {
      const { name } = step;
      names.push(typeof name === 'number' ? element(name) : `.${name}`);
    }
    const text = names.reverse().join('');
    return text.startsWith('.') ? text.slice(1) : text;
  }
}

/** Takes time linear in the size of the document, and no stack at any depth. */
export function ownLookAlikes(document: object, search: LookAlikeSearch): readonly OwnLookAlike[] {
  const found: OwnLookAlike[] = [];
  const seen = new Set<object>();
  const left: Step[] = [{ value: document, holder: undefined, name: '', below: search.tree }];
  for (let step = left.pop(); step; step = left.pop()) {
    const { value, below, each } = step;
    if (looksLikeEnvelope(value)) {
      const { dekId } = value as Partial<Envelope>;
      const isOwn = typeof dekId === 'string' && isDekOf(search.scope, dekId);
      if (isOwn) found.push(new OwnLookAlike(step, dekId));
    }
    // A place inside declared containers is visited once; any other object may be reached repeatedly.
    if (below === NOTHING && !each) {
      if (seen.has(value)) continue;
      seen.add(value);
    }
    if (Array.isArray(value)) addElements(left, step, search);
    else if (!ArrayBuffer.isView(value)) addProperties(left, step, search);
  }
  return found;
}

/** An object for which this is false holds nothing that could be lost. */
export function isSoundEnvelope(value: object): boolean {
  try {
    parseEnvelope(value, '');
    return true;
  } catch (error) {
    // A later version may be able to open it.
    return hasCode(error, 'ENVELOPE_UNSUPPORTED');
  }
}

function addElements(left: Step[], holder: Step, search: LookAlikeSearch): void {
  const { each } = holder;
  // A list of declared fields may be long, and needs no search.
  if (each?.field && !search.intoValues) return;
  for (const [index, value] of (holder.value as unknown[]).entries()) {
    addDeclared(left, { value, holder, name: index }, each, search);
  }
}

function addProperties(left: Step[], holder: Step, search: LookAlikeSearch): void {
  const { value: properties, below } = holder;
  for (const name of Object.keys(properties)) {
    const value = (properties as Readonly<Record<string, unknown>>)[name];
    if (typeof value !== 'object' || value === null) continue;
    const node = below.find((declared) => declared.name === name);
    if (!node?.each) addDeclared(left, { value, holder, name }, node, search);
    else left.push({ value, holder, name, below: NOTHING, each: node });
  }
}

function addDeclared(
  left: Step[],
  { value, holder, name }: Pick<Step, 'holder' | 'name'> & { readonly value: unknown },
  node: FieldNode | undefined,
  { intoValues }: LookAlikeSearch,
): void {
  if (typeof value !== 'object' || value === null) return;
  if (node?.field && (!intoValues || looksLikeEnvelope(value))) return;
  left.push({ value, holder, name, below: node?.children ?? NOTHING });
}
