/** A rewrap beside a reader on one test vault with a quota, both through the real SDK over HTTPS. */
import type { AkvKeyProvider } from '../../../src/azure/key-vault/index.js';
import { type AkvKeyProviderOptions } from '../../../src/azure/key-vault/index.js';
import {
  createFieldEncryptor,
  isFieldEncryptionError,
  rewrapAllDeks,
  type Clock,
  type FieldEncryptor,
  type RewrapAllDeksOptions,
  type RewrapSummary,
} from '../../../src/index.js';
import { MemoryDekStore } from '../../../src/testing/index.js';
import { akvProvider, MEK_NAME } from '../../support/azure/akv-provider.js';
import { KeyVaultServer } from '../../support/azure/key-vault-server.js';
import { note, PRODUCT, type Loose } from '../../support/encryptor.js';

/** Of the vault, as ten seconds have ten times as many. */
export const QUOTA_PER_SECOND = 50;
const READER_SHARE = 0.2;

/** Work that goes over the network, for a clock that wants to know. */
export type During = <T>(work: () => Promise<T>) => Promise<T>;

export interface Figures {
  readonly summary: RewrapSummary;
  readonly seconds: number;
  /** Of the quota, while the rows were rewrapped. */
  readonly usedShare: number;
  readonly throttledShare: number;
  readonly readerAsked: number;
  /** Documents that the reader could not open, by the code of why. */
  readonly readerFailures: Readonly<Record<string, number>>;
  /** The longest that the reader waited for an unwrap, by the clock. */
  readonly readerSlowestMs: number;
}

interface Reading {
  readonly asked: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly slowestMs: number;
}

export class BudgetWorld implements AsyncDisposable {
  readonly server: KeyVaultServer;
  readonly #clock: Clock;
  readonly #during: During;
  readonly #memory = new MemoryDekStore();
  #stored: readonly Loose[] = [];
  #target = '';

  private constructor(server: KeyVaultServer, clock: Clock, during: During) {
    this.server = server;
    this.#clock = clock;
    this.#during = during;
  }

  /** The given number of DEKs under the first version of a MEK that has a second one. */
  static async start(rows: number, clock: Clock, during: During): Promise<BudgetWorld> {
    const server = await KeyVaultServer.start({ clock });
    const world = new BudgetWorld(server, clock, during);
    const mekVersion = await server.createKey(MEK_NAME);
    const writer = world.#encryptor({ mekVersion, wrapMode: 'local' });
    const ids = Array.from({ length: rows }, (_each, at) => String(at));
    world.#stored = await Promise.all(
      ids.map((id) => writer.encryptDocument(note, { workspaceId: 'w', id, body: `of ${id}` })),
    );
    world.#target = await server.rotateKey(MEK_NAME);
    return world;
  }

  /** Rewraps everything while a reader opens cold documents at its share of the quota. */
  async measure(options: Partial<RewrapAllDeksOptions>): Promise<Figures> {
    const { server } = this;
    server.limit({ operations: 10 * QUOTA_PER_SECOND });
    const operator = this.#encryptor({});
    const target = { mekVersion: this.#target };
    let reading: Promise<Reading> | undefined;
    const stop = new AbortController();
    let [startMs, endMs, before, after] = [0, 0, 0, 0];
    let summary: RewrapSummary | undefined;
    for await (const event of rewrapAllDeks(operator, { target, ...options })) {
      if (event.type === 'finished') summary = event.summary;
      if (!('pass' in event) || event.pass !== 1) continue;
      if (event.type === 'pass') {
        [startMs, before] = [this.#clock.monotonicMs(), server.requests.length];
        reading = this.#read(stop.signal);
      } else {
        [endMs, after] = [this.#clock.monotonicMs(), server.requests.length];
        stop.abort();
      }
    }
    const { asked, failures, slowestMs } = await (reading ?? Promise.reject(new Error('No pass')));
    if (!summary) throw new Error('The last event is not "finished"');
    const counted = server.requests.slice(before, after).filter(({ authorized }) => authorized);
    const throttled = counted.filter(({ status }) => status === 429).length;
    const seconds = (endMs - startMs) / 1_000;
    return {
      summary,
      seconds,
      usedShare: (counted.length - throttled) / (seconds * QUOTA_PER_SECOND),
      throttledShare: throttled / counted.length,
      readerAsked: asked,
      readerFailures: failures,
      readerSlowestMs: slowestMs,
    };
  }

  /** How many rows have which version. */
  async versions(): Promise<ReadonlySet<string>> {
    const { items } = await this.#memory.list({ product: PRODUCT }, { pageSize: 10_000 });
    return new Set(items.map(({ value }) => String((value as Loose)['mekVersion'])));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server.stop();
  }

  /** One cold document after the other, whether or not those before were opened. */
  async #read(signal: AbortSignal): Promise<Reading> {
    const clock = this.#clock;
    const reader = this.#encryptor({ maxAttempts: 1 });
    const failures: Record<string, number> = {};
    const opening: Promise<void>[] = [];
    let slowestMs = 0;
    const open = async (document: Loose): Promise<void> => {
      const startMs = clock.monotonicMs();
      try {
        await reader.decryptDocument(note, document as never);
        slowestMs = Math.max(slowestMs, clock.monotonicMs() - startMs);
      } catch (error) {
        const code = isFieldEncryptionError(error) ? error.code : String(error);
        failures[code] = (failures[code] ?? 0) + 1;
      }
    };
    const everyMs = 1_000 / (QUOTA_PER_SECOND * READER_SHARE);
    const startMs = clock.monotonicMs();
    for (const [at, document] of this.#stored.entries()) {
      const restMs = startMs + at * everyMs - clock.monotonicMs();
      await clock.sleep(restMs, signal).catch(() => undefined);
      if (signal.aborted) break;
      opening.push(open(document));
    }
    await Promise.all(opening);
    return { asked: opening.length, failures, slowestMs };
  }

  #encryptor(options: Partial<AkvKeyProviderOptions>): FieldEncryptor {
    const clock = this.#clock;
    const during = this.#during;
    const clientOptions = {
      ...this.server.clientOptions(),
      additionalPolicies: [
        {
          position: 'perCall' as const,
          policy: {
            name: 'during',
            sendRequest: <Request, Response>(
              request: Request,
              next: (request: Request) => Promise<Response>,
            ) => during(() => next(request)),
          },
        },
      ],
    };
    const provider: AkvKeyProvider = akvProvider(this.server, { clock, clientOptions, ...options });
    return createFieldEncryptor({
      product: PRODUCT,
      dekStore: this.#memory,
      clock,
      keyProviders: [provider],
      fenceTtlMs: 1_000,
    });
  }
}
