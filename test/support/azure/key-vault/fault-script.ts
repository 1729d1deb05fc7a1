/** The faults that are still to come, in order. @module */
import type { Fault, FaultAction } from './fault.js';
import { matches, type VaultRequest } from './request-log.js';

/** Faults on their way. */
export interface ScriptedFault {
  /** Requests that they befell so far. */
  readonly used: number;
  /** They befall no more. */
  cancel(): void;
}

class Pending {
  readonly fault: Fault;
  used = 0;
  #isOver = false;

  constructor(fault: Fault) {
    this.fault = fault;
  }

  get isOver(): boolean {
    return this.#isOver || this.used >= (this.fault.times ?? 1);
  }

  cancel(): void {
    this.#isOver = true;
  }
}

export class FaultScript {
  #pending: readonly Pending[] = [];

  add(faults: readonly Fault[]): ScriptedFault {
    const added = faults.map((fault) => new Pending(fault));
    this.#pending = [...this.#pending, ...added];
    return {
      get used() {
        return added.reduce((sum, { used }) => sum + used, 0);
      },
      cancel() {
        for (const pending of added) pending.cancel();
      },
    };
  }

  /** The first fault that is for this request; it is spent by one. */
  take(request: VaultRequest): FaultAction | undefined {
    this.#pending = this.#pending.filter(({ isOver }) => !isOver);
    const pending = this.#pending.find(({ fault }) => matches(fault.on, request));
    if (pending) pending.used += 1;
    return pending?.fault;
  }

  clear(): void {
    for (const pending of this.#pending) pending.cancel();
  }

  /** Faults that have not befallen all the requests that they are for; endless ones never have. */
  get unspent(): number {
    return this.#pending.filter(({ isOver }) => !isOver).length;
  }
}
