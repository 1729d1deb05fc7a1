import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromItemId, toItemId } from '../../../src/azure/cosmos/item-content.js';
import { sampleRow } from '../../../src/testing/sample-items.js';

const wellFormed = fc.string({ unit: 'binary' });

describe('the id under which an item is stored', () => {
  it.each([sampleRow().id, 'rotation', 'lease:notes', 'a_b-c.d:e'])(
    'is its name where that is plain: %s',
    (name) => {
      expect(toItemId(name)).toBe(name);
      expect(fromItemId(name)).toBe(name);
    },
  );

  it.each([
    ['lease:a/b', 'lease:a~2Fb'],
    ['lease:a b?c#d\\e%', 'lease:a~20b~3Fc~23d~5Ce~25'],
    ['lease:~2F', 'lease:~7E2F'],
    ['lease:é😀', 'lease:~C3~A9~F0~9F~98~80'],
    ['lease:\u0000', 'lease:~00'],
    ['..', '~2E.'],
    ['.', '~2E'],
    ['', '~'],
  ])('has whatever else escaped: %j is %s', (name, id) => {
    expect(toItemId(name)).toBe(id);
    expect(fromItemId(id)).toBe(name);
  });

  it.each(['~', '~~', '~2f', '~2', 'a~41', '~FF', '~2E', '~C3', 'lease:~zz'])(
    'that this library did not write is returned unchanged, or as the one name that has it: %s',
    (id) => {
      const name = fromItemId(id);
      expect(name === id || toItemId(name) === id).toBe(true);
    },
  );

  it('is another for each name, and gives it back', () => {
    fc.assert(
      fc.property(wellFormed, (name) => {
        const id = toItemId(name);
        expect(id).toMatch(/^[A-Za-z0-9._:~-]+$/);
        expect(id).not.toMatch(/^\.+$/);
        expect(fromItemId(id)).toBe(name);
      }),
    );
  });
});
