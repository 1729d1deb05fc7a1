import type { MigrationEvent, RewrapEvent } from '@bytelyst/field-encrypt';
import { SingleBar } from 'cli-progress';
import type { Say, Stage } from './stage.js';

type ProgressEvent = MigrationEvent | RewrapEvent;
type EventOf<T extends ProgressEvent['type']> = Extract<ProgressEvent, { readonly type: T }>;

/** Shows the events of a rotation or a migration: as bars on a terminal, as a few lines elsewhere. */
export class ProgressDisplay {
  readonly #say: Say;
  readonly #hasBars: boolean;
  readonly #named = new Set<string>();
  #bar: SingleBar | undefined;

  constructor({ say, hasBars }: Stage) {
    this.#say = say;
    this.#hasBars = hasBars;
    // An unfinished bar has the terminal in another mode.
    process.once('exit', () => {
      this.close();
    });
  }

  show(event: ProgressEvent): void {
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

  /** What fails does so in each pass. */
  #nameOnce(event: EventOf<'failed'>): void {
    const name = 'dekId' in event ? event.dekId : JSON.stringify(event.key);
    if (!this.#named.has(name)) console.error(`   ${name}: ${String(event.error)}`);
    this.#named.add(name);
  }

  #countDown(remainingMs: number): void {
    const text = `${(remainingMs / 1_000).toFixed(1)} s left`;
    if (!this.#hasBars) this.#say(`   fence: ${text}`);
    else if (this.#bar) this.#bar.update(remainingMs, { text });
    else this.#openBar('fence', remainingMs, remainingMs, text);
  }

  #beginPass({ pass, purpose, total }: EventOf<'pass'>): void {
    this.#bar?.update(0, { text: 'passed' });
    this.close();
    if (this.#hasBars) this.#openBar(`pass ${String(pass)}, ${purpose}`, total, 0, '');
  }

  #advance(counts: EventOf<'passed'>['counts']): void {
    if (!this.#bar) return;
    this.#bar.setTotal(Math.max(this.#bar.getTotal(), counts.scanned));
    this.#bar.update(counts.scanned, { text: textOf(counts) });
  }

  #endPass({ pass, counts }: EventOf<'passed'>): void {
    if (!this.#hasBars) this.#say(`   pass ${String(pass)}: ${textOf(counts)}`);
    this.close();
  }

  #openBar(name: string, total: number, value: number, text: string): void {
    this.#bar = new SingleBar({
      format: `   ${name.padEnd(15)} {bar} {text}`,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      stream: process.stdout,
    });
    this.#bar.start(total, value, { text });
  }
}

function textOf(counts: EventOf<'passed'>['counts']): string {
  const { scanned, ...outcomes } = counts;
  const texts = Object.entries(outcomes).filter(([, count]) => count > 0);
  return [`${String(scanned)} scanned`, ...texts.map(([name, n]) => `${String(n)} ${name}`)].join(
    ', ',
  );
}
