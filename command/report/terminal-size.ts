/** The size of a terminal. Some containers have terminals without one: they say 0. @module */
import type { Writable } from 'node:stream';

export interface TerminalSize {
  readonly columns?: number;
  readonly rows?: number;
}

const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

export function columnsOf({ columns }: TerminalSize): number {
  return columns || DEFAULT_COLUMNS;
}

/** The same stream: on a terminal of no columns and rows, nothing could be drawn. */
export function sizedStream(stream: TerminalSize & Writable): NodeJS.WritableStream & Writable {
  const size = {
    columns: { get: () => columnsOf(stream) },
    rows: { get: () => stream.rows || DEFAULT_ROWS },
  };
  return Object.create(stream, size) as NodeJS.WritableStream & Writable;
}
