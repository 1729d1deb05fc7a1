/** `--query`, and the forms of output. @module */
import { search } from 'jmespath';
import type { AzArguments } from './arguments.js';
import { AzError } from './az-error.js';

type Json = unknown;

/** @param answer - `undefined` where the command prints nothing. */
export function printed(answer: Json, { query, output }: AzArguments): string {
  if (answer === undefined) return '';
  const found: Json = query === undefined ? answer : searched(answer, query);
  if (found === undefined || output === 'none') return '';
  switch (output) {
    case 'json':
      return found === null ? '' : `${JSON.stringify(found, undefined, 2)}\n`;
    case 'tsv':
      return tsv(found);
    case 'table':
      return table(found);
    default:
      throw new AzError(`argument --output: invalid choice: '${output}'`, 2);
  }
}

function searched(answer: Json, query: string): Json {
  try {
    return search(answer, query) as Json;
  } catch (error) {
    throw new AzError(`argument --query: ${String(error)}`, 2);
  }
}

function tsv(found: Json): string {
  if (found === null) return '';
  const rows = Array.isArray(found) ? (found as Json[]) : [found];
  return rows.map((row) => `${cellsOf(row).map(cell).join('\t')}\n`).join('');
}

function cellsOf(row: Json): readonly Json[] {
  if (Array.isArray(row)) return row as Json[];
  return typeof row === 'object' && row !== null ? Object.values(row) : [row];
}

function cell(value: Json): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return String(value.length);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'object' && value !== null ? '' : 'None';
}

function table(found: Json): string {
  const rows = (Array.isArray(found) ? (found as Json[]) : [found]).map(columnsOf);
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (names.length === 0) return '';
  const widths = names.map((name) =>
    // The real one widens columns by their headings.
    Math.max(name.length + 2, ...rows.map((row) => (row[name] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((each, at) => each.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  const body = rows.map((row) => line(names.map((name) => row[name] ?? '')));
  return `${[line(names), line(widths.map((width) => '-'.repeat(width))), ...body].join('\n')}\n`;
}

/** As the real one does, objects within are left out. */
function columnsOf(row: Json): Readonly<Record<string, string>> {
  const entries = Array.isArray(row)
    ? row.map((value, at): [string, Json] => [`Column${String(at + 1)}`, value])
    : Object.entries(Object(row) as object);
  const shown = entries.filter(([, value]) => typeof value !== 'object');
  return Object.fromEntries(
    shown.map(([name, value]) => [
      name.charAt(0).toUpperCase() + name.slice(1),
      cellOfTable(value),
    ]),
  );
}

/** As Python writes it. */
function cellOfTable(value: Json): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return cell(value);
}
