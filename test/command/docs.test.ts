import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT_MEANINGS } from '../../command/command-line/exit-codes.js';
import { FLAG_NAMES, variableOf } from '../../command/command-line/flags.js';
import { parseCommand } from '../../command/main/parse-command.js';
import { MODE_NAMES } from '../../command/modes/mode-table.js';

const page = readFileSync(join(import.meta.dirname, '../../docs/command.md'), 'utf8');
const headings = [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading);
const named = [...page.matchAll(/encrypt-migrate ((?:(?!\s#|[`|\n]).)+)/g)].map(([, line = '']) =>
  line.trim().split(/\s+/),
);

describe('docs/command.md', () => {
  it('has a section for each mode', () => {
    const missing = MODE_NAMES.filter((name) => !headings.some((each) => each.includes(name)));
    expect(missing).toEqual([]);
  });

  it('has commands that the parser takes', () => {
    expect(named.length).toBeGreaterThan(10);
    const refused = named.flatMap((words) => {
      try {
        parseCommand(words, {});
        return [];
      } catch (error) {
        return [`${words.join(' ')}: ${(error as Error).message}`];
      }
    });
    expect(refused).toEqual([]);
  });

  it('has every exit code', () => {
    const codes = [...page.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => code);
    expect(codes).toEqual(Object.keys(EXIT_MEANINGS));
  });

  it('names only flags and variables that there are', () => {
    const flags = [...page.matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)].map(([, name]) => name);
    const known = [...FLAG_NAMES, 'help', 'filter', 'from'] as readonly string[];
    expect(flags.filter((name) => !known.includes(name ?? ''))).toEqual([]);
    const variables = page.match(/ENCRYPT_MIGRATE_[A-Z_]+/g) ?? [];
    const read = FLAG_NAMES.map(variableOf);
    expect(variables.filter((name) => !read.includes(name))).toEqual([]);
  });
});
