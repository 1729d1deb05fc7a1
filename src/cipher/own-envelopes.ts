/** Envelopes of a document's own scope at places where its definition declares no field. @module */
import {
  placeOf,
  type DocumentDraft,
  draftOf,
  type DraftShape,
  type DocumentPlace,
} from '../document/document-draft.js';
import {
  FormerPaths,
  type DeclaredField,
  type FieldNode,
  type PlaceSteps,
} from '../document/field-tree.js';
import type { AnyDefinition } from '../document/typed-document.js';
import { hasCode, FieldEncryptionError } from '../errors/errors.js';
import {
  looksLikeEnvelope,
  parseEnvelope,
  type Envelope,
  ciphertextIn,
  isDekOf,
  type KeyScope,
  generationIn,
  isDekId,
} from '../format/key-scope.js';

export interface LookAlikeSearch {
  readonly scope: KeyScope;
  /** Envelopes at declared and former paths are in their place. */
  readonly shape: DraftShape;
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

  get steps(): PlaceSteps {
    const steps: (number | string)[] = [];
    for (let step = this.#step; step.holder; step = step.holder) steps.push(step.name);
    return steps.reverse();
  }

  #text(element: (index: number) => string): string {
    const names = this.steps.map((step) => (typeof step === 'number' ? element(step) : `.${step}`));
    const text = names.join('');
    return text.startsWith('.') ? text.slice(1) : text;
  }
}

/** Takes time linear in the size of the document, and no stack at any depth. */
export function ownLookAlikes(document: object, search: LookAlikeSearch): readonly OwnLookAlike[] {
  const { tree, formerPaths } = search.shape;
  const found: OwnLookAlike[] = [];
  const seen = new Set<object>();
  const left: Step[] = [{ value: document, holder: undefined, name: '', below: tree }];
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
  return formerPaths.root ? found.filter(({ steps }) => !formerPaths.at(steps)) : found;
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
  if (each?.field && !mayHoldOthers(each.field, search)) return;
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
  search: LookAlikeSearch,
): void {
  if (typeof value !== 'object' || value === null) return;
  if (node?.field && (looksLikeEnvelope(value) || !mayHoldOthers(node.field, search))) return;
  left.push({ value, holder, name, below: node?.children ?? NOTHING });
}

/** Whether a value is searched that is not an envelope itself; one that stays in clear always is. */
function mayHoldOthers({ stage }: DeclaredField, { intoValues }: LookAlikeSearch): boolean {
  return intoValues || stage === 'opening';
}

/** Returns the envelopes of a stored document that another definition sealed. */
export function envelopesOfOthers(draft: DocumentDraft, scope: KeyScope): readonly OwnLookAlike[] {
  const { document, shape } = draft;
  const found = ownLookAlikes(document, { scope, shape, intoValues: true });
  return found.filter(({ value }) => isSoundEnvelope(value));
}

const NO_FIELDS: DraftShape = { tree: [], formerPaths: new FormerPaths([], []) };

/** Returns every envelope of the document, at any place. */
export function ownEnvelopes(document: object, scope: KeyScope): readonly OwnLookAlike[] {
  const found = ownLookAlikes(document, { scope, shape: NO_FIELDS, intoValues: true });
  return found.filter(({ value }) => isSoundEnvelope(value));
}

/** Returns an envelope of the document inside the opened value of one of its fields. */
export function envelopeInside(value: unknown, scope: KeyScope): OwnLookAlike | undefined {
  return typeof value === 'object' && value !== null ? ownEnvelopes(value, scope)[0] : undefined;
}

/** For a value that would count as an envelope when it is read back. */
export function refusedEnvelope(path: string, cause?: unknown): FieldEncryptionError {
  return new FieldEncryptionError(
    'ENVELOPE_REFUSED',
    `The value at "${path}" looks like an envelope but is not one of this document's own: no value may have a property named "_enc"`,
    { path, ...(cause !== undefined && { cause }) },
  );
}

/**
 * @param path - The declared path.
 * @param steps - The steps from there on; `.*` for a property, whose name is part of the value.
 */
export function nestedEnvelope(path: string, steps: readonly string[]): FieldEncryptionError {
  return new FieldEncryptionError(
    'ENVELOPE_REFUSED',
    `The value at "${path}" has an object inside it that looks like an envelope, at "${path}${steps.join('')}" (* is any property): no value may have a property named "_enc" at any depth`,
    { path },
  );
}

/** For an envelope of the document outside its declared fields, where no re-encryption would move it. */
export function undeclaredEnvelope({ place, dekId }: OwnLookAlike): FieldEncryptionError {
  const what = place === '' ? 'The document itself' : `The value at "${place}"`;
  return new FieldEncryptionError(
    'ENVELOPE_REFUSED',
    `${what} looks like an envelope of this document, and the definition declares no field there: remove it; where an earlier definition sealed it, add its path to "former"`,
    { path: place, dekId },
  );
}

/** For a value that was sealed with an envelope of the same document inside. */
export function envelopeInValue(path: string, dekId: string): FieldEncryptionError {
  return new FieldEncryptionError(
    'DEFINITION_MISMATCH',
    `The value that is sealed at "${path}" holds an envelope of this document under DEK ${dekId}, from another definition: open both in mode "migrate", the inner one with the definition that sealed it, and write the plain value`,
    { path, dekId },
  );
}

/**
 * Their rows may be lost, and restored later: a new DEK must not take the id of one of them. Never created
 * from what a caller passes, who could otherwise use up the generations of a document.
 */
export class StoredEnvelopes {
  /** DEKs of declared fields: only the library writes there. */
  readonly #declared: readonly string[];
  /** DEKs of other places: a client may have sent some of them. */
  readonly #beside: readonly string[];
  readonly #values: readonly unknown[];

  private constructor(
    declared: readonly string[],
    beside: readonly string[],
    values: readonly unknown[],
  ) {
    this.#declared = declared;
    this.#beside = beside;
    this.#values = values;
  }

  static of(definition: AnyDefinition, product: string, stored: object): StoredEnvelopes {
    const place = placeOf(definition, product, stored);
    const { slots, former } = draftOf(stored, definition);
    const values = [...slots, ...former].map(({ value }) => value);
    const beside = ownLookAlikes(stored, {
      scope: place.scope,
      shape: definition,
      intoValues: true,
    });
    return new StoredEnvelopes(
      values.flatMap((value) => ownDekIdOf(value, place)),
      beside.flatMap(({ value }) => ownDekIdOf(value, place)),
      values,
    );
  }

  static readonly none: StoredEnvelopes = new StoredEnvelopes([], [], []);

  /** Adds a DEK that is known to have been created. */
  and(dekId: string): StoredEnvelopes {
    return new StoredEnvelopes([...this.#declared, dekId], this.#beside, this.#values);
  }

  /**
   * Returns the highest named generation.
   *
   * @param mostCredible - Outside the declared fields, generations above this one do not count.
   */
  highest(mostCredible: number = Infinity): string | undefined {
    const credible = this.#beside.filter((dekId) => generationIn(dekId) <= mostCredible);
    let highest: string | undefined;
    for (const dekId of [...this.#declared, ...credible]) {
      if (!highest || generationIn(dekId) > generationIn(highest)) highest = dekId;
    }
    return highest;
  }

  /** Whether the envelope came from the store unchanged. */
  holds(envelope: Envelope): boolean {
    return this.#values.some((value) => ciphertextIn(value) === envelope.ct);
  }
}

function ownDekIdOf(value: unknown, { scope }: DocumentPlace): string[] {
  if (!looksLikeEnvelope(value) || !isSoundEnvelope(value)) return [];
  const { dekId } = value as Partial<Envelope>;
  return isDekId(dekId) && isDekOf(scope, dekId) ? [dekId] : [];
}
