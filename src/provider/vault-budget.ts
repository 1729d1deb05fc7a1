/** The budget of a run for key services, and the providers that keep to it. @module */
import type { Clock } from '../async/clock.js';
import type { WorkLimit } from '../async/concurrency.js';
import type { VaultBudgetLimits } from './budget-options.js';
import { BudgetedProvider } from './budgeted-provider.js';
import type { ConfiguredProviders } from './configured-providers.js';
import { VaultThrottle } from './vault-throttle.js';
import type { VaultUse } from './vault-use.js';

/** One for each run: the calls of all its workers to all providers count together. */
export class VaultBudget implements WorkLimit {
  readonly #throttle: VaultThrottle;

  constructor(limits: VaultBudgetLimits, concurrency: number, clock: Clock) {
    this.#throttle = new VaultThrottle({ ...limits, concurrency, clock });
  }

  /** How many rows may be in flight now, for `settleConcurrently`: falls when a service throttles. */
  get limit(): number {
    return this.#throttle.concurrency;
  }

  /** Ends the wait of calls for a turn or a pause; calls that were sent already complete. */
  abandon(): void {
    this.#throttle.close();
  }

  /** Calls of the run to key services so far. */
  get calls(): number {
    return this.#throttle.calls;
  }

  /** The rate limit of the run; `undefined` for none. */
  get callsPerSecond(): number | undefined {
    return this.#throttle.callsPerSecond;
  }

  /** Returns the same providers, within the budget of this run. Live traffic keeps its own. */
  over(providers: ConfiguredProviders): ConfiguredProviders {
    return providers.mapped((each) => new BudgetedProvider(each, this.#throttle));
  }

  inSummary<Summary extends object>(summary: Summary): Summary & VaultUse {
    const { calls: vaultOps, throttled } = this.#throttle;
    return { ...summary, ...(vaultOps > 0 && { vaultOps }), ...(throttled > 0 && { throttled }) };
  }
}
