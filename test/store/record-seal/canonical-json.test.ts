import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../src/store/record-seal.js';
import { anyText } from '../../support/arbitraries.js';
import { failureOf } from '../../support/failure.js';

describe('the examples of RFC 8785', () => {
  it('section 3.2.2: literals, numbers and escapes, byte for byte', () => {
    const text = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`;
    const canonical = canonicalJson(JSON.parse(text));
    expect(canonical).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
    expect(Buffer.from(canonical).toString('hex')).toBe(
      '7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a5b3333333333333333332e333333333333332c31652b33302c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac245c75303030665c6e4127425c225c5c5c5c5c222f227d',
    );
  });

  it('section 3.2.3: names in the order of their UTF-16 code units', () => {
    const names = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    expect(canonicalJson(names)).toBe(
      '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis","\u20ac":"Euro Sign","\ud83d\ude00":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
    );
  });

  it.each([
    ['0000000000000000', '0'],
    ['8000000000000000', '0'],
    ['0000000000000001', '5e-324'],
    ['8000000000000001', '-5e-324'],
    ['7fefffffffffffff', '1.7976931348623157e+308'],
    ['4340000000000000', '9007199254740992'],
    ['4430000000000000', '295147905179352830000'],
    ['44b52d02c7e14af5', '9.999999999999997e+22'],
    ['44b52d02c7e14af6', '1e+23'],
    ['444b1ae4d6e2ef50', '1e+21'],
    ['3eb0c6f7a0b5ed8d', '0.000001'],
    ['41b3de4355555557', '333333333.33333343'],
    ['becbf647612f3696', '-0.0000033333333333333333'],
  ])('appendix B: the number %s is %s', (bits, text) => {
    expect(canonicalJson(Buffer.from(bits, 'hex').readDoubleBE())).toBe(text);
  });
});

describe('canonical JSON', () => {
  it('does not depend on the order in which properties were set, at any depth', () => {
    const one = { a: 1, b: { d: ['x', { f: 1, e: 2 }], c: 2 } };
    const other = { b: { c: 2, d: ['x', { e: 2, f: 1 }] }, a: 1 };
    expect(canonicalJson(other)).toBe(canonicalJson(one));
    expect(canonicalJson(one)).toBe('{"a":1,"b":{"c":2,"d":["x",{"e":2,"f":1}]}}');
  });

  it('keeps the order of arrays', () => {
    expect(canonicalJson(['b', 'a'])).not.toBe(canonicalJson(['a', 'b']));
  });

  it('writes own properties alone, whatever they are called', () => {
    const value = JSON.parse('{"__proto__":1,"toJSON":"x","constructor":[]}') as unknown;
    expect(canonicalJson(value)).toBe('{"__proto__":1,"constructor":[],"toJSON":"x"}');
  });

  it('tells different texts apart, and is read back as it was', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText), anyText, anyText, (more, one, other) => {
        const [first, second] = [
          { ...more, text: one },
          { ...more, text: other },
        ];
        expect(JSON.parse(canonicalJson(first))).toEqual(first);
        expect(canonicalJson(first) === canonicalJson(second)).toBe(one === other);
      }),
    );
  });

  it.each([
    ['undefined', undefined, 'Canonical JSON cannot hold undefined'],
    ['a property that is undefined', { a: undefined }, 'Canonical JSON cannot hold undefined'],
    ['a hole', new Array(1), 'Canonical JSON cannot hold undefined'],
    ['NaN', NaN, 'Canonical JSON cannot hold a number'],
    ['Infinity', [Infinity], 'Canonical JSON cannot hold a number'],
    ['a BigInt', 1n, 'Canonical JSON cannot hold a bigint'],
    ['a function', () => 1, 'Canonical JSON cannot hold a function'],
    ['a Date', new Date(0), 'Canonical JSON cannot hold a class instance'],
    ['a Map', { m: new Map() }, 'Canonical JSON cannot hold a class instance'],
    ['a lone surrogate', ['\ud800'], 'Canonical JSON cannot hold a lone surrogate'],
    ['a name with one', { '\udc00x': 1 }, 'Canonical JSON cannot hold a lone surrogate'],
    [
      'what is nested without end',
      JSON.parse('['.repeat(200_000) + ']'.repeat(200_000)),
      'Canonical JSON is limited to 64 levels of nesting',
    ],
  ])('refuses %s', (_what, value, message) => {
    expect(failureOf(() => canonicalJson(value))).toEqual({ name: 'TypeError', message });
  });
});
