/** Counts what this process does with keys, from the diagnostics channels of the library. @module */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  diagnosticsChannels,
  type CacheMessage,
  type RetryMessage,
  type RunMessage,
  type UnwrapMessage,
  type WrapMessage,
} from '@bytelyst/field-encrypt';

/** A run that is driven by this process; those of other processes show in the rows alone. */
export interface RunHere {
  readonly id: number;
  readonly run: string;
  readonly dryRun: boolean;
  /** The last event; `finished` and `stopped` end a run. */
  readonly event: string;
  readonly total?: number;
  readonly left?: number;
  readonly vaultOps?: number;
  readonly throttled?: number;
  readonly failed?: number;
  readonly errorCode?: string;
}

export interface Counts {
  /** When counting began: nothing is counted while no page watches. */
  readonly since: string;
  readonly cache: Readonly<Record<CacheMessage['type'], number>>;
  /** DEKs that were unwrapped, by MEK version; without proofs of a MEK, which unwrap no DEK. */
  readonly unwraps: readonly { readonly mekVersion: string; readonly count: number }[];
  readonly failedUnwraps: number;
  /** Requests to the key service that it refused because there were too many. */
  readonly throttles: number;
  readonly run: RunHere | undefined;
}

const THROTTLED = 'KEY_PROVIDER_THROTTLED';
/** A product has a handful; a store that was tampered with may name any number. */
const MOST_VERSIONS = 64;
const OTHER = 'other';

type Listener = (message: unknown) => void;

/** It listens only from `start` to `stop`: a channel without a subscriber costs requests nothing. */
export class DiagnosticsCounts {
  readonly #since = new Date().toISOString();
  readonly #cache = { hit: 0, miss: 0, joined: 0, evicted: 0 };
  readonly #unwraps = new Map<string, number>();
  #failedUnwraps = 0;
  #throttles = 0;
  #run: RunHere | undefined;
  readonly #listeners: readonly (readonly [string, Listener])[] = [
    [diagnosticsChannels.cache, (message) => (this.#cache[(message as CacheMessage).type] += 1)],
    [
      `tracing:${diagnosticsChannels.unwrap}:asyncEnd`,
      (message) => {
        this.#onUnwrap(message as UnwrapMessage);
      },
    ],
    [
      `tracing:${diagnosticsChannels.wrap}:asyncEnd`,
      (message) => {
        this.#onFailure((message as WrapMessage).errorCode);
      },
    ],
    [
      diagnosticsChannels.retry,
      (message) => {
        this.#onFailure((message as RetryMessage).errorCode);
      },
    ],
    [diagnosticsChannels.run, (message) => (this.#run = runHere(message as RunMessage))],
  ];

  start(): void {
    for (const [channel, listener] of this.#listeners) subscribe(channel, listener);
  }

  stop(): void {
    for (const [channel, listener] of this.#listeners) unsubscribe(channel, listener);
  }

  get counts(): Counts {
    return {
      since: this.#since,
      cache: { ...this.#cache },
      unwraps: [...this.#unwraps].map(([mekVersion, count]) => ({ mekVersion, count })),
      failedUnwraps: this.#failedUnwraps,
      throttles: this.#throttles,
      run: this.#run,
    };
  }

  #onUnwrap({ mekVersion, dekId, errorCode }: UnwrapMessage): void {
    this.#onFailure(errorCode);
    if (dekId === undefined) return;
    if (errorCode !== undefined) this.#failedUnwraps += 1;
    else {
      const isCounted = this.#unwraps.has(mekVersion) || this.#unwraps.size < MOST_VERSIONS;
      const name = isCounted ? mekVersion : OTHER;
      this.#unwraps.set(name, (this.#unwraps.get(name) ?? 0) + 1);
    }
  }

  #onFailure(errorCode: string | undefined): void {
    if (errorCode === THROTTLED) this.#throttles += 1;
  }
}

/** Names and numbers alone: no dekId, and nothing that a later event may have. */
function runHere(message: RunMessage): RunHere {
  const { id, run, dryRun, total, left, vaultOps, throttled, event } = message;
  const failed = 'counts' in event ? event.counts.failed : undefined;
  const errorCode = event.type === 'stopped' ? event.errorCode : undefined;
  return {
    id,
    run,
    dryRun,
    event: event.type,
    ...(total !== undefined && { total }),
    ...(left !== undefined && { left }),
    ...(vaultOps !== undefined && { vaultOps }),
    ...(throttled !== undefined && { throttled }),
    ...(failed !== undefined && { failed }),
    ...(errorCode !== undefined && { errorCode }),
  };
}
