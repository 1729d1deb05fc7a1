import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseConfigJson } from '../../../command/config/json-text.js';
import { UsageError } from '../../../command/command-line/usage-error.js';

function parsed(text: string): unknown {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return 'refused';
  }
}

function read(text: string): unknown {
  try {
    return { value: parseConfigJson('file.json', text) };
  } catch (error) {
    if (error instanceof UsageError && error.message.includes('given twice')) return undefined;
    return error instanceof UsageError ? 'refused' : error;
  }
}

describe('a configuration in JSON', () => {
  it('is accepted, and read, as Node does', () => {
    const edits = fc.tuple(
      fc.nat(),
      fc.constantFrom(
        '',
        ',',
        '"',
        '{',
        '}',
        '[',
        ']',
        ':',
        '0',
        '-',
        '.',
        '\\',
        '\u0000',
        ' ',
        'e',
      ),
      fc.nat({ max: 2 }),
    );
    fc.assert(
      fc.property(fc.json(), fc.array(edits, { maxLength: 3 }), (json, changes) => {
        let text = json;
        for (const [place, insert, removed] of changes) {
          const from = place % (text.length + 1);
          text = text.slice(0, from) + insert + text.slice(from + removed);
        }
        expect(read(text) ?? parsed(text)).toEqual(parsed(text));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(['\uFEFF{"a": 1}', ' { "a" : 1 }\n'])('may begin and end with %j', (text) => {
    expect(parseConfigJson('file.json', text)).toEqual({ a: 1 });
  });
});
