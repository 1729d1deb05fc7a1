/** Listens to every channel of the library and to all output, and looks for secrets in it. @module */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { diagnosticsChannels } from '../../../src/diagnostics/diagnostics-channels.js';
import { Emitted } from './emitted.js';
import { overhear } from './overheard.js';
import { SecretIndex } from './secret-index.js';

const PHASES = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];
const TRACED: readonly string[] = [
  diagnosticsChannels.wrap,
  diagnosticsChannels.unwrap,
  diagnosticsChannels.store,
];

export const CHANNELS: readonly string[] = Object.values(diagnosticsChannels).flatMap((name) =>
  TRACED.includes(name) ? PHASES.map((phase) => `tracing:${name}:${phase}`) : [name],
);

type Write = (chunk: unknown, ...rest: unknown[]) => boolean;
type Output = { write: Write };

export class SecretWatch {
  readonly secrets = new SecretIndex();
  readonly emitted = new Emitted();
  #isStarted = false;
  readonly #listen = (message: unknown, channel: string | symbol): void => {
    this.emitted.addMessage(String(channel), message);
  };

  /** Once for each process: several test files may share one. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    overhear(this.secrets);
    for (const channel of CHANNELS) subscribe(channel, this.#listen);
    const { _stdout, _stderr } = console as unknown as Record<string, Output | undefined>;
    for (const output of [process.stdout, process.stderr, _stdout, _stderr]) {
      if (output) this.#listenToOutput(output as Output);
    }
  }

  /** Runs work without a subscriber, as in production without metrics. */
  async unheard<T>(work: () => Promise<T>): Promise<T> {
    for (const channel of CHANNELS) unsubscribe(channel, this.#listen);
    try {
      return await work();
    } finally {
      for (const channel of CHANNELS) subscribe(channel, this.#listen);
    }
  }

  /** Where what kind of secret was let out since the last call; never the secret. */
  findings(): string[] {
    const { texts, odd } = this.emitted;
    const found = [...odd].map(([what, source]) => `${what} on ${source}`);
    for (const [text, source] of texts) {
      const secret = this.secrets.findIn(text);
      if (secret !== undefined) found.push(`${secret} on ${source}`);
    }
    this.emitted.forget();
    return found;
  }

  /** Fails where a key, plaintext, ciphertext or token was let out. */
  requireNoFindings(): void {
    const findings = this.findings();
    if (findings.length > 0) throw new Error(`A secret was let out: ${findings.join('; ')}`);
  }

  /** Also where findings were let out: the next test file of the process must not be blamed for them. */
  forget(): void {
    this.emitted.forget();
    this.secrets.forget();
  }

  #listenToOutput(output: Output): void {
    const write = output.write.bind(output);
    output.write = (chunk, ...rest) => {
      this.emitted.addText('output', String(chunk));
      return write(chunk, ...rest);
    };
  }
}

/** Of this process; each of its test files looks at what it let out itself. */
export const secretWatch: SecretWatch = new SecretWatch();
