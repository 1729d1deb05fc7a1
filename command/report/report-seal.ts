/** The last line of a report file: what is before it cannot be changed without a trace. @module */
import { createHash } from 'node:crypto';
import { type Seal, sealSchema } from './evidence-schema.js';
import { signatureOf } from './report-signature.js';

export interface Sealing {
  /** Of the report. */
  readonly id: string;
  /** When it was written. */
  readonly wallMs: number;
  /** Without them, a report has a digest alone. */
  readonly secrets: readonly string[];
}

export function sealOf({ id, wallMs, secrets }: Sealing, sha256: string): Seal {
  const timestamp = Math.floor(wallMs / 1_000);
  const seal = { id, timestamp, sha256 };
  return secrets.length === 0 ? seal : { ...seal, signature: signatureOf(seal, secrets) };
}

/** How the last line is written in a format, and found again. */
export interface SealLine {
  readonly start: string;
  readonly end: string;
}

export const SEAL_LINES = {
  json: { start: '  "seal": ', end: ' }\n' },
  html: { start: '<!-- seal: ', end: ' -->\n' },
} as const satisfies Readonly<Record<string, SealLine>>;

export type ReportFormat = keyof typeof SEAL_LINES;

/** Longer last lines are no seals. */
export const MOST_LINE_BYTES = 4_096;

export function sealLine(format: ReportFormat, seal: Seal): string {
  const { start, end } = SEAL_LINES[format];
  return start + JSON.stringify(seal) + end;
}

/** @returns Nothing where the line is no seal, byte for byte as it is written. */
export function sealIn(format: ReportFormat, line: string): Seal | undefined {
  const { start, end } = SEAL_LINES[format];
  if (!line.startsWith(start) || !line.endsWith(end)) return undefined;
  try {
    const seal = sealSchema.parse(JSON.parse(line.slice(start.length, -end.length)));
    return sealLine(format, seal) === line ? seal : undefined;
  } catch {
    return undefined;
  }
}

/** SHA-256 of what is written. */
export class Digest {
  readonly #hash = createHash('sha256');

  add(bytes: Buffer): void {
    this.#hash.update(bytes);
  }

  get hex(): string {
    return this.#hash.copy().digest('hex');
  }
}
