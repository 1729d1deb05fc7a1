/** Connections that can be broken, as an outage would. @module */
import { Agent } from 'node:https';
import type { Duplex } from 'node:stream';

export class BreakableAgent extends Agent {
  #isBroken = false;

  constructor() {
    super({ keepAlive: true });
  }

  break(): void {
    this.#isBroken = true;
    this.destroy();
  }

  mend(): void {
    this.#isBroken = false;
  }

  override createConnection(
    ...[options, onMade]: Parameters<Agent['createConnection']>
  ): Duplex | null | undefined {
    // Nothing listens there.
    const asked = this.#isBroken ? { ...options, host: '127.0.0.1', port: 1 } : options;
    return super.createConnection(asked, onMade);
  }
}
