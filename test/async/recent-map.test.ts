import { expect, it } from 'vitest';
import { RecentMap } from '../../src/async/expiring-map.js';

function counting(): { readonly made: string[]; readonly make: (key: string) => string } {
  const made: string[] = [];
  const make = (key: string): string => {
    made.push(key);
    return `value of ${key}`;
  };
  return { made, make };
}

it('RecentMap makes a value once while its key is in use', () => {
  const { made, make } = counting();
  const recent = new RecentMap<string>(2);
  for (const key of ['a', 'b', 'a', 'c', 'a', 'd', 'a', 'e', 'a']) {
    expect(recent.getOrMake(key, () => make(key))).toBe(`value of ${key}`);
  }
  expect(made).toEqual(['a', 'b', 'c', 'd', 'e']);
});

it('RecentMap forgets what was not used for two rounds', () => {
  const { made, make } = counting();
  const recent = new RecentMap<string>(2);
  for (const key of ['a', 'b', 'c', 'd', 'e', 'a']) recent.getOrMake(key, () => make(key));
  expect(made).toEqual(['a', 'b', 'c', 'd', 'e', 'a']);
});
