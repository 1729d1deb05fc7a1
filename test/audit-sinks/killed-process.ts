/** Child processes that write events, and are killed. @module */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { AuditBacklog } from '../../src/audit-sinks/index.js';

const SCRIPT = join(import.meta.dirname, 'killed-child.mjs');
const PRELOAD = join(import.meta.dirname, 'die-at-step.mjs');

export interface DeathPoint {
  /** The number of the call, from 1 on; with `amid` only writes count. */
  readonly at: number;
  readonly when: 'after' | 'amid' | 'before';
}

export interface ChildWork {
  readonly sink: Readonly<Record<string, unknown>>;
  readonly source: string;
  /** Events between start and end; without it none are written. */
  readonly items?: number;
  readonly flushMs?: number;
}

export interface Acknowledged {
  readonly id: string;
  readonly sequence: number;
  readonly what: string;
}

export interface ChildOutcome {
  readonly acknowledged: readonly Acknowledged[];
  /** Where it ran to its end. */
  readonly end?: { readonly backlog?: AuditBacklog; readonly unfinished: readonly string[] };
  /** Where it killed itself: `died after datasync`. */
  readonly death?: string;
  readonly signal: string | null;
}

export interface AuditChild {
  readonly kill: () => void;
  readonly outcome: Promise<ChildOutcome>;
}

export function startChild(work: ChildWork, point?: DeathPoint): AuditChild {
  const env = point && { ...process.env, DIE_AT: String(point.at), DIE_WHEN: point.when };
  const preload = point ? ['--import', PRELOAD] : [];
  const args = [...preload, SCRIPT, JSON.stringify({ flushMs: 60_000, ...work })];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const kill = (): void => void child.kill('SIGKILL');
  onTestFinished(kill);
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  const outcome = async (): Promise<ChildOutcome> => {
    const [output, [, signal]] = await Promise.all([text(child.stdout), ended]);
    return { ...outcomeIn(output), signal };
  };
  return { kill, outcome: outcome() };
}

export function runChild(work: ChildWork, point?: DeathPoint): Promise<ChildOutcome> {
  return startChild(work, point).outcome;
}

function outcomeIn(output: string): Omit<ChildOutcome, 'signal'> {
  const lines = output.split('\n').filter((line) => line !== '');
  const death = lines.find((line) => line.startsWith('died'));
  const said = lines
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Partial<Acknowledged> & ChildOutcome['end']);
  const acknowledged = said.filter((line): line is Acknowledged & typeof line => 'id' in line);
  const end = said.find((line) => 'unfinished' in line);
  return { acknowledged, ...(end && { end }), ...(death !== undefined && { death }) };
}
