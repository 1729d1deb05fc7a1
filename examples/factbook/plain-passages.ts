import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Note } from './note.js';

/** Forty characters from each of many notes, as they would be stored: enough to find them. */
export function passagesOf(plain: readonly Note[]): string[] {
  const some = plain.filter((_note, index) => index % 10 === 0);
  const texts = some.map(({ body }) => longText(body)).filter((text) => text !== undefined);
  return texts.map((text) => JSON.stringify(text).slice(1, 41));
}

/** The passages that are in clear in any of the contents. */
export function passagesFoundIn(
  contents: readonly (Buffer | string)[],
  passages: readonly string[],
): string[] {
  return passages.filter((passage) => contents.some((each) => each.includes(passage)));
}

/** What is in the files of a folder. */
export function filesIn(folder: string): Buffer[] {
  return readdirSync(folder).map((name) => readFileSync(join(folder, name)));
}

function longText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.length >= 40 ? value : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.values(value)
    .map(longText)
    .find((text) => text !== undefined);
}
