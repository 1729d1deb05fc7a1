import type {
  FailedEvent,
  PassedEvent,
  PassEvent,
  RewrapCounts,
  RewrapEvent,
} from '@bytelyst/field-encrypt';
import { SingleBar } from 'cli-progress';
import type { Say } from './stage.js';

/** Shows the events of a rotation: as bars on a terminal, as a few lines elsewhere. */
export class RotationDisplay {
  readonly #say: Say;
  readonly #hasBars: boolean;
  readonly #named = new Set<string>();
  #bar: SingleBar | undefined;

  constructor(say: Say, hasBars: boolean) {
    this.#say = say;
    this.#hasBars = hasBars;
    // An unfinished bar has the terminal in another mode.
    process.once('exit', () => {
      this.close();
    });
  }

  show(event: RewrapEvent): void {
    if (event.type === 'failed') this.#nameOnce(event);
    if (event.type === 'fence') this.#countDown(event.remainingMs);
    else if (event.type === 'pass') this.#beginPass(event);
    else if (event.type === 'passed') this.#endPass(event);
    else if ('counts' in event) this.#advance(event.counts);
  }

  /** To be called in any case: an unfinished bar keeps the process alive. */
  close(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  /** A row that fails does so in each pass. */
  #nameOnce({ dekId, error }: FailedEvent): void {
    if (!this.#named.has(dekId)) console.error(`   ${dekId}: ${String(error)}`);
    this.#named.add(dekId);
  }

  #countDown(remainingMs: number): void {
    const text = `${(remainingMs / 1_000).toFixed(1)} s left`;
    if (!this.#hasBars) this.#say(`   fence: ${text}`);
    else if (this.#bar) this.#bar.update(remainingMs, { text });
    else this.#openBar('fence', remainingMs, remainingMs, text);
  }

  #beginPass({ pass, purpose, total }: PassEvent): void {
    this.#bar?.update(0, { text: 'passed' });
    this.close();
    if (this.#hasBars) this.#openBar(`pass ${String(pass)}, ${purpose}`, total, 0, '');
  }

  #advance(counts: RewrapCounts): void {
    if (!this.#bar) return;
    this.#bar.setTotal(Math.max(this.#bar.getTotal(), counts.scanned));
    this.#bar.update(counts.scanned, { text: textOf(counts) });
  }

  #endPass({ pass, counts }: PassedEvent): void {
    if (!this.#hasBars) this.#say(`   pass ${String(pass)}: ${textOf(counts)}`);
    this.close();
  }

  #openBar(name: string, total: number, value: number, text: string): void {
    this.#bar = new SingleBar({
      format: `   ${name.padEnd(14)} {bar} {text}`,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      stream: process.stdout,
    });
    this.#bar.start(total, value, { text });
  }
}

function textOf({ scanned, rewrapped, current, failed }: RewrapCounts): string {
  const counts = `${String(scanned)} keys, ${String(rewrapped)} rewrapped, ${String(current)} current`;
  return failed === 0 ? counts : `${counts}, ${String(failed)} FAILED`;
}
