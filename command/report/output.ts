/** Everything that the command prints: results on standard output, the rest on standard error. @module */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Clock } from '@bytelyst/field-encrypt';
import { Progress, type ProgressEvent, type VaultFigures } from './progress.js';
import type { Colors } from './colors.js';
import type { ModeReport } from './mode-report.js';
import { reportedJson, reportedText } from './reported-json.js';
import { findingText, nextText, viewText, type View } from './view.js';

export type Format = 'json' | 'jsonl' | 'table';

export interface OutputSettings {
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly format: Format;
  readonly isQuiet: boolean;
  readonly documentKeys: boolean;
  /** Of standard output, and of standard error. */
  readonly colors: { readonly out: Colors; readonly err: Colors };
  readonly clock: Clock;
  readonly vault: () => VaultFigures;
  readonly maxVaultOps: number | undefined;
}

export class Output {
  readonly #settings: OutputSettings;
  readonly #progress: Progress | undefined;

  constructor(settings: OutputSettings) {
    this.#settings = settings;
    const { stderr, clock, vault, maxVaultOps, isQuiet } = settings;
    if (!isQuiet) this.#progress = new Progress({ stream: stderr, clock, vault, maxVaultOps });
  }

  /** Names what runs from here on. */
  begin(label: string): void {
    this.#progress?.begin(label);
  }

  /** A remark for people. */
  note(text: string): void {
    if (!this.#settings.isQuiet) this.#line(text);
  }

  /** A failure: it is printed with `--quiet` too. */
  failure(who: string, error: unknown): void {
    this.#line(`${this.#settings.colors.err.red('failed')} ${who}: ${reportedText(error)}`);
  }

  /** @returns What to wait for where the reader is slower than the run: events do not pile up in memory. */
  event(event: ProgressEvent): Promise<unknown> | undefined {
    const { format, stdout, documentKeys } = this.#settings;
    this.#progress?.event(event);
    if (format !== 'jsonl') return undefined;
    const line = `${reportedJson({ schema: 1, ...event }, documentKeys)}\n`;
    if (stdout.write(line) || stdout.destroyed) return undefined;
    return once(stdout, 'drain').catch(() => undefined);
  }

  /** Removes what is live, so that a question can be asked. */
  endProgress(): void {
    this.#progress?.end();
  }

  /** Prints the result in the format that was asked for, and what people need on standard error. */
  result(report: ModeReport, views: readonly View[]): void {
    this.endProgress();
    const { format, stdout, documentKeys, isQuiet, colors } = this.#settings;
    switch (format) {
      case 'json':
        stdout.write(`${reportedJson(report, documentKeys, 2)}\n`);
        break;
      case 'jsonl':
        stdout.write(`${reportedJson({ schema: 1, type: 'report', report }, documentKeys)}\n`);
        break;
      case 'table':
        this.#table(report, views);
    }
    const { error, next, outcome } = report;
    if (error) this.#line(`${colors.err.red('error')} ${error.message}`);
    if (isQuiet && outcome === 'done') return;
    for (const step of next) this.#line(nextText(step, colors.err));
  }

  #table({ findings }: ModeReport, views: readonly View[]): void {
    const { stdout, colors } = this.#settings;
    const parts = [
      ...views.map((view) => viewText(view, colors.out)),
      ...findings.map((finding) => findingText(finding, colors.out)),
    ];
    for (const part of parts) stdout.write(`${part}\n`);
  }

  #line(text: string): void {
    this.#progress?.clear();
    this.#settings.stderr.write(`${text}\n`);
    this.#progress?.redraw();
  }
}
