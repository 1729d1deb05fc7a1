import loose, { equal, fail, ok, rejects } from 'node:assert';
import strict from 'node:assert/strict';
import fc from 'fast-check';
import { assert, describe, expect, it, vi } from 'vitest';
import { assertionWatch } from './assertion-watch.js';
import { encryptAny, KEY, note, setup } from './encryptor.js';
import { failedAssertion, failure, rejection, thrownBy } from './failure.js';

const ADVICE =
  'Assertions failed, and their errors were caught before they reached the test: collect what hooks, stores and providers see, and assert outside of them';

type Hook = () => unknown;

const later = <T>(value: T): Promise<T> => Promise.resolve(value);
const isTwo = (value: unknown): boolean => value === 2;

/** Assertions that fail. */
const FAILING: Readonly<Record<string, Hook>> = {
  toBe: () => {
    expect(1).toBe(2);
  },
  'not.toBe': () => {
    expect(1).not.toBe(1);
  },
  toEqual: () => {
    expect([1]).toEqual([2]);
  },
  toMatchObject: () => {
    expect({ a: 1 }).toMatchObject({ a: 2 });
  },
  toContain: () => {
    expect(['a']).toContain('b');
  },
  toSatisfy: () => {
    expect(1).toSatisfy(isTwo);
  },
  'not.toBeOneOf': () => {
    expect(1).not.toBeOneOf([1]);
  },
  toThrow: () => {
    expect(() => 1).toThrow();
  },
  toHaveBeenCalled: () => {
    expect(vi.fn()).toHaveBeenCalled();
  },
  'resolves.toBe': () => expect(later(1)).resolves.toBe(2),
  'resolves.toSatisfy': () => expect(later(1)).resolves.toSatisfy(isTwo),
  'rejects.toThrow': () => expect(later(1)).rejects.toThrow(),
  'to.equal': () => expect(1).to.equal(2),
  'expect.fail': () => expect.fail('no'),
  'expect.unreachable': () => expect.unreachable('no'),
  'assert.equal of Chai': () => {
    assert.equal(1, 2, 'no');
  },
  'equal of Node': () => {
    equal(1, 2, 'no');
  },
  'ok of Node': () => {
    ok(false, 'no');
  },
  'fail of Node': () => fail('no'),
  'rejects of Node': () => rejects(later(1)),
  'deepEqual of Node': () => {
    loose.deepEqual([1], [2], 'no');
  },
  'strict deepEqual of Node': () => {
    strict.deepEqual([1], [2], 'no');
  },
  'a rejection that does not come': () => rejection(later(1)),
  'an error that is not thrown': () => thrownBy(() => 1),
};

/** The library makes an outcome of whatever its provider or store throws. */
async function decrypt(part: 'provider' | 'store', hook: Hook): Promise<void> {
  const writer = setup();
  const stored = await encryptAny(writer.encryptor, { ...KEY, body: 'text' });
  const reader = setup({ beside: writer });
  reader[part].before = hook;
  const [outcome] = await reader.encryptor.decryptDocuments(note, [stored as never]);
  if (outcome?.ok !== false) throw new Error('The hook was not called');
}

function caught(): Error {
  return thrownBy(() => {
    assertionWatch.requireNoneCaught();
  }) as Error;
}

describe('an assertion that fails in a provider', () => {
  it.each(Object.entries(FAILING))('is noted: %s', async (_name, assertion) => {
    const thrown: Error[] = [];
    await decrypt('provider', async () => {
      try {
        await assertion();
      } catch (error) {
        thrown.push(error as Error);
        throw error;
      }
    });
    const { message, cause } = caught();
    expect(message).toBe(`${ADVICE}\n- ${String(thrown[0]?.message.split('\n')[0])}`);
    expect(cause).toBe(thrown[0]);
    expect(thrown).toHaveLength(1);
  });
});

describe.each(['provider', 'store'] as const)('an assertion that fails in a %s', (part) => {
  // The test itself finds nothing.
  it.fails('fails its test', () =>
    decrypt(part, () => {
      expect(1).toBe(2);
    }),
  );

  it.fails('fails its test, which expects the error that was made of it', async () => {
    const { encryptor, ...parts } = setup();
    parts[part].before = () => {
      expect(1).toBe(2);
    };
    await failure(encryptAny(encryptor, { ...KEY, body: 'text' }));
  });
});

describe('a failed assertion', () => {
  const failing = async (): Promise<void> => {
    await later(1);
    expect(1).toBe(2);
  };

  it('is named with the others, up to five', () => {
    const numbers = [1, 2, 3, 4, 5, 6, 7];
    for (const number of numbers)
      expect(() => {
        expect(number).toBe(0);
      }).toThrow();
    const error = caught();
    const lines = numbers
      .slice(0, 5)
      .map((number) => `- expected ${String(number)} to be +0 // Object.is equality`);
    expect(error.message).toBe([ADVICE, ...lines].join('\n'));
    expect((error.cause as Error).message).toBe('expected 1 to be +0 // Object.is equality');
  });

  it('may be what a test expects', async () => {
    const error = await failedAssertion(failing());
    expect(error.message).toContain('expected 1 to be 2');
    expect(() => {
      assertionWatch.requireNoneCaught();
    }).not.toThrow();
  });

  it('is expected where there is none, or where something else fails', async () => {
    const none = await failedAssertion(failedAssertion(Promise.resolve()));
    expect(none.message).toBe('An assertion should have failed, and none did');
    const other = new Error('other');
    await expect(failedAssertion(Promise.reject(other))).rejects.toBe(other);
  });

  it.fails('is no rejection that a test may expect', async () => {
    expect(await failure(failing())).toBeDefined();
  });

  it.fails('is found though a property goes on after it', () => {
    fc.assert(
      fc.property(fc.nat(), (number) => {
        try {
          expect(number).toBeLessThan(0);
        } catch {
          // As the library does.
        }
      }),
    );
  });
});
