/** Shows how far a run is: one live line on a terminal, a line now and then elsewhere. @module */
import type { Writable } from 'node:stream';
import type { Clock, RunCounts } from '@bytelyst/field-encrypt';
import { createLogUpdate } from 'log-update';
import { formatDuration } from '../command-line/durations.js';
import { columnsOf, sizedStream } from './terminal-size.js';

/** What the progress needs of an event of any run. */
export interface ProgressEvent {
  readonly type: string;
  readonly counts?: RunCounts;
  readonly pass?: number;
  readonly purpose?: string;
  readonly total?: number;
  readonly remainingMs?: number;
}

/** What was used of the key services so far. */
export interface VaultFigures {
  readonly vaultOps: number;
  readonly throttled: number;
}

type ProgressStream = Writable & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

interface ProgressSettings {
  readonly stream: ProgressStream;
  readonly clock: Clock;
  readonly vault: () => VaultFigures;
  /** Operations per second that the run may use. */
  readonly maxVaultOps: number | undefined;
}

const LEAST_DRAW_MS = 100;
const LEAST_LINE_MS = 10_000;

export class Progress {
  readonly #settings: ProgressSettings;
  readonly #live: ReturnType<typeof createLogUpdate> | undefined;
  #label = '';
  #pass: { readonly text: string; readonly total: number; readonly startedMs: number } | undefined;
  #opsBefore = 0;
  #line = '';
  #isDrawn = false;
  #drawnMs = -Infinity;

  constructor(settings: ProgressSettings) {
    this.#settings = settings;
    const { stream } = settings;
    if (stream.isTTY === true)
      this.#live = createLogUpdate(sizedStream(stream), { showCursor: true });
  }

  /** @param label - What runs now, for example a collection. */
  begin(label: string): void {
    this.#label = label;
    this.#pass = undefined;
  }

  event(event: ProgressEvent): void {
    if (event.type === 'pass') this.#beginPass(event);
    if (event.type === 'fence' || event.type === 'lease') this.#show(() => this.#waiting(event));
    if (event.type === 'passed') this.#endPass(event);
    else if (event.counts && this.#pass) this.#showCounts(event.counts);
  }

  /** Removes the live line, so that another text can be written. */
  clear(): void {
    this.#live?.clear();
    this.#isDrawn = false;
  }

  /** Draws the line again after another text. */
  redraw(): void {
    if (this.#live && this.#line !== '' && !this.#isDrawn) this.#draw();
  }

  /** Leaves nothing on the terminal. */
  end(): void {
    this.clear();
    this.#live?.done();
    this.#line = '';
  }

  #beginPass({ pass = 1, purpose = 'change', total = 0 }: ProgressEvent): void {
    const what = purpose === 'verify' ? 'last scan' : 'scan';
    const startedMs = this.#settings.clock.monotonicMs();
    this.#pass = { text: `${what} ${String(pass)}`, total, startedMs };
    this.#opsBefore = this.#settings.vault().vaultOps;
    const line = `${this.#label}: ${this.#pass.text} of ${number(total)} begins`;
    this.#show(() => [line], true);
  }

  /** The line of a finished scan stays. */
  #endPass({ counts }: ProgressEvent): void {
    if (!counts || !this.#pass) return;
    const { changed, wouldChange, unchanged, skipped, failed } = counts;
    const parts = [
      `${this.#label}: ${this.#pass.text} done`,
      wouldChange > 0 ? `would change ${number(wouldChange)}` : `changed ${number(changed)}`,
      `failed ${number(failed)}`,
      `unchanged ${number(unchanged)}`,
      `skipped ${number(skipped)}`,
    ];
    this.#show(() => parts, true);
    this.#live?.done();
    this.#line = '';
  }

  #waiting({ type, remainingMs = 0 }: ProgressEvent): readonly string[] {
    const what = type === 'lease' ? 'waiting for a lease' : 'waiting for writers';
    return [`${this.#label}: ${what}`, `${timeText(remainingMs)} left`];
  }

  #scanning(counts: RunCounts): readonly string[] {
    const { text = '', total = 0, startedMs = 0 } = this.#pass ?? {};
    const { clock, vault, maxVaultOps } = this.#settings;
    const seconds = Math.max((clock.monotonicMs() - startedMs) / 1_000, 0.001);
    const rate = counts.scanned / seconds;
    const left = Math.max(total - counts.scanned, 0);
    const { vaultOps, throttled } = vault();
    const opsRate = (vaultOps - this.#opsBefore) / seconds;
    return [
      `${this.#label}: ${text}`,
      `${number(counts.scanned)}/${number(Math.max(total, counts.scanned))}`,
      `failed ${number(counts.failed)}`,
      `${number(rate)}/s`,
      `${timeText((left / rate) * 1_000)} left`,
      `throttled ${number(throttled)}`,
      maxVaultOps === undefined
        ? `vault operations ${number(vaultOps)}`
        : `vault operations ${number(opsRate)} of ${number(maxVaultOps)}/s`,
    ];
  }

  /** The last parts are left out where the window is too narrow for them. */
  #fitted(parts: readonly string[]): string {
    if (!this.#live) return parts.join(', ');
    const columns = columnsOf(this.#settings.stream);
    const [first = '', second] = parts;
    const label = `${this.#label}: `;
    // What is running is known to its operator; how far it is, is not.
    if (second !== undefined && `${first}, ${second}`.length >= columns && first.startsWith(label))
      return this.#fitted([first.slice(label.length), ...parts.slice(1)]);
    let line = '';
    for (const part of parts) {
      const longer = line === '' ? part : `${line}, ${part}`;
      if (longer.length >= columns) break;
      line = longer;
    }
    return line === '' ? (parts[0] ?? '').slice(0, Math.max(columns - 1, 1)) : line;
  }

  #showCounts(counts: RunCounts): void {
    this.#show(() => this.#scanning(counts));
  }

  /** @param parts - Made only where they are drawn: events are many. */
  #show(parts: () => readonly string[], isAtOnce = false): void {
    const now = this.#settings.clock.monotonicMs();
    const least = this.#live ? LEAST_DRAW_MS : LEAST_LINE_MS;
    // The beginnings and ends of scans are few.
    if (now - this.#drawnMs < least && !isAtOnce) return;
    this.#drawnMs = now;
    this.#line = this.#fitted(parts());
    this.#draw();
  }

  #draw(): void {
    if (this.#live) this.#live(this.#line);
    else this.#settings.stream.write(`${this.#line}\n`);
    this.#isDrawn = true;
  }
}

function number(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** In whole seconds, so that the line does not flicker in the end. */
function timeText(ms: number): string {
  const seconds = Math.ceil(ms / 1_000);
  return seconds > 0 ? formatDuration(seconds * 1_000) : '0s';
}
