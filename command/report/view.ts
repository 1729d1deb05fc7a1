/** Prints results for people. @module */
import { Table } from 'console-table-printer';
import type { Colors } from './colors.js';
import type { Finding, NextStep } from './mode-report.js';

/** A part of a result, as the format `table` shows it. */
export type View =
  | { readonly title?: string; readonly facts: Readonly<Record<string, Cell>> }
  | { readonly title?: string; readonly rows: readonly Readonly<Record<string, Cell>>[] }
  | { readonly text: string };

type Cell = boolean | number | string | undefined;

export function viewText(view: View, colors: Colors): string {
  if ('text' in view) return view.text;
  const title = view.title === undefined ? [] : [colors.bold(view.title)];
  const body = 'rows' in view ? tableText(view.rows) : factsText(view.facts);
  return [...title, body].join('\n');
}

function factsText(facts: Readonly<Record<string, Cell>>): string {
  const shown = Object.entries(facts).filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `  ${name.padEnd(width)}  ${cellText(value)}`).join('\n');
}

function tableText(rows: readonly Readonly<Record<string, Cell>>[]): string {
  if (rows.length === 0) return '  none';
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isNumber = (name: string): boolean => rows.every((row) => typeof row[name] === 'number');
  const table = new Table({
    shouldDisableColors: true,
    columns: names.map((name) => ({ name, alignment: isNumber(name) ? 'right' : 'left' })),
  });
  for (const row of rows) {
    table.addRow(Object.fromEntries(names.map((name) => [name, cellText(row[name])])));
  }
  return table.render();
}

function cellText(value: Cell): string {
  if (value === undefined) return '';
  if (typeof value === 'number') return value.toLocaleString('en-US');
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : value;
}

export function findingText(finding: Finding, colors: Colors): string {
  const { level, check, message, action, command } = finding;
  const paint = { ok: colors.green, warn: colors.yellow, fail: colors.red, unseen: colors.cyan };
  const lines = [`${paint[level](level.padEnd(6))} ${check}: ${message}`];
  if (action !== undefined) lines.push(`       ${action}`);
  if (command !== undefined) lines.push(`       ${colors.bold(command)}`);
  return lines.join('\n');
}

export function nextText({ why, command }: NextStep, colors: Colors): string {
  return `${why}:\n  ${colors.bold(command)}`;
}
