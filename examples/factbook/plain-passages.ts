import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { draft } from './draft.js';
import type { Note } from './note.js';

/** Forty characters from each of many notes, as they would be stored: enough to find them. */
export function passagesOf(plain: readonly Note[]): string[] {
  const some = [draft('', 1), ...plain.filter((_note, index) => index % 10 === 0)];
  const texts = some.map(({ body }) => longText(body)).filter((text) => text !== undefined);
  return texts.map((text) => JSON.stringify(text).slice(1, 41));
}

/** The passages that are in clear in any file of a folder. */
export function passagesFoundIn(folder: string, passages: readonly string[]): string[] {
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  return passages.filter((passage) => files.some((file) => file.includes(passage)));
}

function longText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.length >= 40 ? value : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.values(value)
    .map(longText)
    .find((text) => text !== undefined);
}
