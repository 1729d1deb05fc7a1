import { describe, expect, it } from 'vitest';
import { differenceIn } from './printed-text.js';

const isSame = (printed: string, expected: string): boolean =>
  differenceIn(printed, expected) === undefined;

describe('what was printed', () => {
  it('is compared by lines, without empty ones and with one blank for many', () => {
    expect(isSame('a  b\n\n  c \n', 'a b\nc')).toBe(true);
    expect(isSame('', '')).toBe(true);
  });

  it.each([
    ['a wrong line', 'a\nx', 'a\nb'],
    ['a missing line', 'a\nc', 'a\nb\nc'],
    ['a line too few', 'a', 'a\nb'],
    ['a line too many', 'a\nb', 'a'],
    ['lines in another order', 'b\na', 'a\nb'],
    ['a line that only begins so', 'ab', 'a'],
    ['another blank', 'ab', 'a b'],
    ['another case', 'A', 'a'],
  ])('differs by %s', (_what, printed, expected) => {
    expect(isSame(printed, expected)).toBe(false);
  });

  it('is shown beside what the page says, where they differ first', () => {
    expect(differenceIn('a\nx\nc', 'a\nb\nc')).toBe('the page says: b\nprinted:       x');
    expect(differenceIn('a', 'a\nb')).toBe('the page says: b\nprinted:       nothing more');
    expect(differenceIn('a\nb', 'a')).toBe('the page says: nothing more\nprinted:       b');
  });
});

describe('a placeholder', () => {
  it('is any text within a line', () => {
    expect(isSame('version 0a1b of mek', 'version <version> of <name>')).toBe(true);
    expect(isSame('│ 12 │ 0 │', '│ <documents> │ 0 │')).toBe(true);
    expect(isSame('one\ntwo', '<both>')).toBe(false);
  });

  it('is not empty', () => {
    expect(isSame('version', 'version<version>')).toBe(false);
    expect(isSame('version of', 'version <version> of')).toBe(false);
  });

  it('is the same text everywhere in a block', () => {
    expect(isSame('from 1a to 2b\nnow 2b', 'from <old> to <new>\nnow <new>')).toBe(true);
    expect(isSame('from 1a to 2b\nnow 1a', 'from <old> to <new>\nnow <new>')).toBe(false);
    expect(isSame('x and x', '<one> and <one>')).toBe(true);
    expect(isSame('x and y', '<one> and <one>')).toBe(false);
  });

  it('is found in another way where the first does not go with a later line', () => {
    expect(isSame('a b c\na b', '<one> <two>\n<one>')).toBe(true);
    expect(isSame('a b c\nb c', '<one> <two>\n<two>')).toBe(true);
  });

  it('is no comparison', () => {
    expect(isSame('1 < 2 > 0', '1 < 2 > 0')).toBe(true);
    expect(isSame('1 < 3 > 0', '1 < 2 > 0')).toBe(false);
  });
});

describe('a line …', () => {
  it('is any number of lines, also none', () => {
    expect(isSame('a\nb\nc\nd', 'a\n…\nd')).toBe(true);
    expect(isSame('a\nd', 'a\n…\nd')).toBe(true);
    expect(isSame('a\nb', '…')).toBe(true);
    expect(isSame('', '…')).toBe(true);
    expect(isSame('a\nb\nc', '…\nb\n…')).toBe(true);
  });

  it('lets no line be missing after it', () => {
    expect(isSame('a\nb', 'a\n…\nd')).toBe(false);
    expect(isSame('a\nd\ne', 'a\n…\nd')).toBe(false);
  });

  it('is only itself where it is not alone', () => {
    expect(isSame('a …', 'a …')).toBe(true);
    expect(isSame('a b', 'a …')).toBe(false);
  });

  it('takes no time where there are many', () => {
    const printed = Array.from({ length: 80 }, (_, at) => `line ${String(at)}`).join('\n');
    const expected = Array.from({ length: 8 }, (_, at) => `…\nline <n${String(at)}>`).join('\n');
    expect(isSame(printed, `${expected}\n…`)).toBe(true);
    expect(isSame(printed, `${expected}\n…\nmissing`)).toBe(false);
  });
});
