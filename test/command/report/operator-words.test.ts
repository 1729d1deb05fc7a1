import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseCommand } from '../../../command/main/parse-command.js';
import { operatorWords } from '../../../command/report/operator-words.js';

const SRC = join(import.meta.dirname, '../../../src');

/** The texts of the library in which a function that the command has a mode for may be named. */
function textsOfLibrary(): readonly string[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('testing'))
    .flatMap((name) => {
      const code = readFileSync(join(SRC, name), 'utf8').replaceAll(/\/\*\*.*?\*\//gs, '');
      return [...code.matchAll(/`[^`\n]{40,}`|'[^'\n]{40,}'/g)].map(([text]) => text);
    });
}

const NAMES =
  /\b(prunePreviousWraps|importDekRows|rewrapAllDeks|rollbackRotation|recoverDeks|addRecoveryWraps|resealRecords|abandonDek|adoptRestoredStore|backfillDocuments|reencryptDocuments|removeEncryption|moveDocuments|forgetPaths|registerDefinitions|findMissingDeks|findUnreadableRows|allowEmpty|allowUnknown|takeOver)\b/;

describe('a message of the library', () => {
  it('names modes and flags in place of functions and options', () => {
    const texts = textsOfLibrary().filter((text) => NAMES.test(text));
    expect(texts.length).toBeGreaterThan(5);
    expect(texts.map(operatorWords).filter((text) => NAMES.test(text))).toEqual([]);
  });

  it('names commands that there are', () => {
    const texts = textsOfLibrary().map(operatorWords);
    const commands = texts.flatMap(
      (text) => text.match(/encrypt-migrate [a-z-]+( --[a-z]+)?/g) ?? [],
    );
    expect(commands.length).toBeGreaterThan(5);
    for (const command of new Set(commands)) {
      expect(() => parseCommand(command.split(' ').slice(1), {})).not.toThrow();
    }
  });
});
