/** Which documents share a DEK, and the ids of its generations: docs/format.md, "Key scope". @module */
import { hash } from 'node:crypto';
import { tuple } from '../crypto/encoding.js';
import { requireIdentifier } from '../guards/guards.js';

export type ScopeKind = 'document' | 'shared';

/** The documents that share one DEK. */
export interface KeyScope {
  readonly kind: ScopeKind;
  readonly product: string;
  /** For kind `document`: the collection, then the document's key parts. */
  readonly parts: readonly string[];
  readonly scopeId: string;
}

const SCOPE_ID = /^[0-9a-f]{32}$/;
const DEK_ID = /^[0-9a-f]{32}\.[1-9][0-9]{0,15}$/;
const SCOPE_ID_LENGTH = 32;

/** How far a generation may be above the `generationFloor` of the rotation record. */
export const MOST_GENERATIONS_ABOVE_FLOOR: number = 2 ** 20;

export function keyScope(kind: ScopeKind, product: string, parts: readonly string[]): KeyScope {
  return { kind, product, parts, scopeId: scopeIdOf(kind, product, parts) };
}

export function scopeIdOf(kind: ScopeKind, product: string, parts: readonly string[]): string {
  const scope = tuple('field-encrypt/v1/scope', kind, product, ...parts);
  return hash('sha256', scope, 'hex').slice(0, SCOPE_ID_LENGTH);
}

export function dekIdOf(scopeId: string, generation: number): string {
  return `${scopeId}.${String(generation)}`;
}

export function isScopeId(value: unknown): value is string {
  return typeof value === 'string' && SCOPE_ID.test(value);
}

export function isDekId(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    DEK_ID.test(value) &&
    // Fifteen digits are always below the limit.
    (value.length <= SCOPE_ID_LENGTH + 16 ||
      Number.isSafeInteger(Number(value.slice(SCOPE_ID_LENGTH + 1))))
  );
}

/** Whether a well-formed dekId names a generation of the scope. */
export function isDekOf({ scopeId }: KeyScope, dekId: string): boolean {
  return dekId.startsWith(scopeId);
}

/** Returns the scope that a dekId belongs to. */
export function scopeIdIn(dekId: string): string {
  return dekId.slice(0, SCOPE_ID_LENGTH);
}

/**
 * The highest generation that counts while the rotation record has this floor. A row or an envelope above it
 * is refused and raises nothing: otherwise one forged number would use up a scope.
 */
export function highestCredibleGeneration(generationFloor: number): number {
  return Math.min(generationFloor + MOST_GENERATIONS_ABOVE_FLOOR, Number.MAX_SAFE_INTEGER);
}

/** Returns the generation that a dekId names. */
export function generationIn(dekId: string): number {
  return Number(dekId.slice(SCOPE_ID_LENGTH + 1));
}

/**
 * Different parts give different texts, however the parts are split. Safe in a TEXT column, U+0000 included.
 */
export function documentKeyText(key: readonly string[], document: object): string {
  const parts = key.map((name) => {
    const part = Object.hasOwn(document, name)
      ? (document as Record<string, unknown>)[name]
      : undefined;
    requireIdentifier(name, part);
    return part;
  });
  return JSON.stringify(parts);
}
