/** Stops without losing a request that was accepted. @module */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Telemetry } from '../diagnostics/telemetry.js';
import type { ReadinessProbe } from '../diagnostics/readiness.js';
import type { Config } from './config.js';

export interface Stopping {
  readonly app: FastifyInstance;
  readonly readiness: ReadinessProbe;
  readonly config: Pick<Config, 'shutdownDelayMs' | 'shutdownTimeoutMs'>;
  readonly telemetry?: Telemetry | undefined;
  /** Closes what requests need. */
  readonly close: () => Promise<void>;
}

/** A second signal ends the process at once. */
export function stopOnSignals(stopping: Stopping): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      void stop(stopping);
    });
  }
}

/** Readiness says no first, while load balancers may still send requests; then those in flight finish. */
async function stop({ app, readiness, config, telemetry, close }: Stopping): Promise<void> {
  const { log } = app;
  readiness.isStopping = true;
  log.info('Stopping: not ready from now on');
  await sleep(config.shutdownDelayMs);
  const isLate = sleep(config.shutdownTimeoutMs, true, { ref: false });
  const isClosed = app.close().then(() => false);
  if (await Promise.race([isClosed, isLate])) {
    log.error('Stopped before all requests had finished: SHUTDOWN_TIMEOUT_MS was over');
    process.exit(1);
  }
  try {
    await close();
    log.info('Stopped');
  } catch (error) {
    log.error({ err: error }, 'Stopped, and the end was not recorded');
    process.exitCode = 1;
  }
  // Last, so that what was done above is exported too.
  if (!telemetry || (await telemetry.stop())) return;
  log.warn('The last metrics and spans were not exported');
  // Without waiting for a collector that does not answer.
  process.exit();
}
