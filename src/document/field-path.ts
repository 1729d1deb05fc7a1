/** Declared paths: `body`, `meta.location`, `tags[]`, `sections[].title`. @module */

/** One step of a path: a property, and whether the path continues into each element of an array. */
export interface PathSegment {
  readonly name: string;
  readonly each: boolean;
}

/** Ends a segment that continues into each element of an array. */
export const ELEMENT_SUFFIX = '[]';

const FORBIDDEN_CHARACTERS = /[.[\]{}*#]/;
const DANGEROUS_NAMES = new Set(['__proto__', 'prototype', 'constructor', '_enc']);

/** @throws TypeError or RangeError that states the problem with the path. */
export function parseFieldPath(path: unknown): readonly PathSegment[] {
  if (typeof path !== 'string') throw new TypeError('"fields" expected paths as strings');
  return path.split('.').map((segment) => parseSegment(segment, path));
}

function parseSegment(segment: string, path: string): PathSegment {
  const each = segment.endsWith(ELEMENT_SUFFIX);
  const name = each ? segment.slice(0, -ELEMENT_SUFFIX.length) : segment;
  requirePropertyName(name, `The field path "${path}"`);
  return { name, each };
}

/** Refuses names that a path cannot contain, or that would reach an object's prototype. */
export function requirePropertyName(name: unknown, whose: string): asserts name is string {
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(`${whose} has an empty property name`);
  }
  if (FORBIDDEN_CHARACTERS.test(name)) {
    throw new RangeError(`${whose} has a property name with one of . [ ] { } * #`);
  }
  if (!name.isWellFormed()) throw new RangeError(`${whose} has a lone surrogate`);
  if (DANGEROUS_NAMES.has(name)) throw new RangeError(`${whose} uses the reserved name "${name}"`);
}
