import type { Envelope } from '../../src/index.js';

export const FIELDS = ['title', 'body'] as const;
export type Field = (typeof FIELDS)[number];

/** A document as it is stored: `revs` is in clear, and says who wrote what is in each field. */
export interface SimDocument {
  readonly workspaceId: string;
  readonly id: string;
  readonly revs: Readonly<Record<Field, number>>;
  readonly title: Envelope | string;
  readonly body: Envelope | string;
}

/** One change of one field, which happens once or not at all. */
export interface DocumentOperation {
  readonly rev: number;
  readonly id: string;
  readonly field: Field;
  hasLanded: boolean;
  /** A write of it landed and was answered with a lost race: unknown once it is overwritten. */
  wasRepeated: boolean;
  /** Of the envelopes that were sent for it. */
  readonly ciphertexts: Set<string>;
}

/** Stands in every plaintext, so that none of them can slip out unseen. */
export const CANARY = 'canary';

export function valueOf(field: Field, rev: number): string {
  return `${CANARY} ${field} ${String(rev)}`;
}

export function keyOf(id: string): { readonly workspaceId: string; readonly id: string } {
  return { workspaceId: 'ws-1', id };
}

export function isSealed(value: Envelope | string): value is Envelope {
  return typeof value !== 'string';
}

export function envelopesIn(
  document: Pick<SimDocument, Field>,
): readonly (readonly [Field, Envelope])[] {
  return FIELDS.flatMap((field) => {
    const value = document[field];
    return isSealed(value) ? [[field, value] as const] : [];
  });
}

/** The document with the change made to it, in clear; a new one has the value in both fields. */
export function changed(
  stored: SimDocument | undefined,
  { id, field, rev }: Pick<DocumentOperation, 'field' | 'id' | 'rev'>,
): SimDocument {
  if (stored) {
    const revs = { ...stored.revs, [field]: rev };
    return { ...stored, revs, [field]: valueOf(field, rev) };
  }
  const revs = { title: rev, body: rev };
  return { ...keyOf(id), revs, title: valueOf('title', rev), body: valueOf('body', rev) };
}
