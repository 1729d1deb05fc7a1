/** What a run may ask of key services, and the providers that keep to it. @module */
import type { Clock } from '../async/clock.js';
import type { WorkLimit } from '../async/concurrency.js';
import type { VaultBudgetLimits } from './budget-options.js';
import { BudgetedProvider } from './budgeted-provider.js';
import type { ConfiguredProviders } from './configured-providers.js';
import { VaultThrottle } from './vault-throttle.js';
import type { VaultUse } from './vault-use.js';

/** One for each run: whatever its workers ask of any provider counts together. */
export class VaultBudget implements WorkLimit {
  readonly #throttle: VaultThrottle;

  constructor(limits: VaultBudgetLimits, concurrency: number, clock: Clock) {
    this.#throttle = new VaultThrottle({ ...limits, concurrency, clock });
  }

  /** Rows that may be under way now, for `settleConcurrently`: falls when a service throttles. */
  get limit(): number {
    return this.#throttle.concurrency;
  }

  /** Whoever waits for a turn or in a pause waits no longer; what was asked already is answered. */
  abandon(): void {
    this.#throttle.close();
  }

  /** What the run has asked of key services so far. */
  get calls(): number {
    return this.#throttle.calls;
  }

  /** The most that the run asks of key services; `undefined` for no limit. */
  get callsPerSecond(): number | undefined {
    return this.#throttle.callsPerSecond;
  }

  /** The same providers, as this run may use them. Live traffic keeps its own. */
  over(providers: ConfiguredProviders): ConfiguredProviders {
    return providers.mapped((each) => new BudgetedProvider(each, this.#throttle));
  }

  inSummary<Summary extends object>(summary: Summary): Summary & VaultUse {
    const { calls: vaultOps, throttled } = this.#throttle;
    return { ...summary, ...(vaultOps > 0 && { vaultOps }), ...(throttled > 0 && { throttled }) };
  }
}
