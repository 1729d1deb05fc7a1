/** Scans over all DEK rows of a product, until one finds nothing to change. @module */
import { systemClock } from '../clock.js';
import { readEncryption } from '../encryption-parts.js';
import { contended } from '../errors.js';
import { requireIdentifier } from '../guards.js';
import { ConfiguredProviders } from '../provider/configured-providers.js';
import { VaultBudget } from '../provider/vault-budget.js';
import { dekRowPages } from '../rotation/dek-row-pages.js';
import { epochsSeenBy } from '../rotation/epochs-seen.js';
import { RecordReader } from '../rotation/record-reader.js';
import type { RewrapEncryption } from '../rotation/rewrap-all-deks.js';
import { DEFAULT_FENCE_TTL_MS } from '../rotation/rotation-record.js';
import { chargedDekStore } from '../rotation/charged-dek-store.js';
import { RunCharge } from '../rotation/run-charge.js';
import { settleConcurrently } from '../settle-concurrently.js';
import type { StoredItem } from '../store/dek-store.js';
import { originOf } from '../store/store-origin.js';
import { RowTender, type NextRow } from './row-tender.js';
import { UpkeepCounter } from './upkeep-counter.js';
import type { UpkeepContext } from './upkeep-context.js';
import type { UpkeepEvent, UpkeepKind, UpkeepSummary } from './upkeep-event.js';
import type { UpkeepRequest } from './upkeep-options.js';

/** An upkeep, but for what all of them share. */
export interface UpkeepJob {
  readonly kind: UpkeepKind;
  readonly encryption: RewrapEncryption;
  readonly request: UpkeepRequest;
  readonly nextRow: (context: UpkeepContext) => NextRow;
  /** Before the first row, after each page and each re-read: what it throws ends the run. */
  readonly requireAllowed?: (context: UpkeepContext) => Promise<void>;
}

type UpkeepEvents = AsyncGenerator<UpkeepEvent, UpkeepSummary, void>;

const MOST_PASSES = 100;

export async function* upkeepRows(job: UpkeepJob): UpkeepEvents {
  const charge = new RunCharge();
  const { encryption, request } = job;
  const { clock = systemClock } = readEncryption(encryption);
  const budget = new VaultBudget(request.limits, request.concurrency, clock);
  const context = contextOf(job, charge, budget);
  context.signal?.throwIfAborted();
  const run = yield* charge.inEvents(passesUntilCalm(job, context));
  const summary = budget.inSummary(charge.inSummary(run));
  yield charge.inEvent<UpkeepEvent>({ type: 'finished', summary });
  return summary;
}

function contextOf(job: UpkeepJob, charge: RunCharge, budget: VaultBudget): UpkeepContext {
  const { request, requireAllowed } = job;
  const encryption = readEncryption(job.encryption);
  const { product, keyProviders, dekCache, clock = systemClock } = encryption;
  const { fenceTtlMs = DEFAULT_FENCE_TTL_MS } = encryption;
  requireIdentifier('product', product);
  const providers = budget.over(new ConfiguredProviders(keyProviders, { product, clock }));
  const dekStore = chargedDekStore(encryption.dekStore, { product, clock }, charge);
  dekCache?.belongTo(originOf(encryption.dekStore), product);
  const firstMek = (): ReturnType<typeof providers.currentMek> => providers.currentMek();
  const records = new RecordReader({
    product,
    dekStore,
    clock,
    firstMek,
    fenceTtlMs,
    epochs: epochsSeenBy(job.encryption),
    signal: request.signal,
  });
  const context: UpkeepContext = {
    product,
    providers,
    dekStore,
    dekCache,
    records,
    clock,
    request,
    concurrency: budget,
    signal: request.signal,
    requireAllowed: requireAllowed && (() => requireAllowed(context)),
  };
  return context;
}

async function* passesUntilCalm(job: UpkeepJob, context: UpkeepContext): UpkeepEvents {
  const { kind, request } = job;
  const { product } = context;
  const tender = new RowTender(context, job.nextRow(context));
  await context.requireAllowed?.();
  yield { type: 'begun', kind, product };
  let changed = 0;
  for (let pass = 1; pass <= MOST_PASSES; pass += 1) {
    const counter: UpkeepCounter = yield* upkeepPass(context, tender, pass);
    const { counts } = counter;
    changed += counts.changed;
    if (!request.dryRun && !counter.isCalm) continue;
    const complete = !request.dryRun && counts.failed === 0;
    return { kind, product, dryRun: request.dryRun, complete, passes: pass, ...counts, changed };
  }
  throw contended(`A scan without a change, of product ${product},`, MOST_PASSES);
}

async function* upkeepPass(
  context: UpkeepContext,
  tender: RowTender,
  pass: number,
): AsyncGenerator<UpkeepEvent, UpkeepCounter, void> {
  const { dekStore, product, signal, concurrency } = context;
  const purpose = pass === 1 ? 'change' : 'verify';
  yield { type: 'pass', pass, purpose, total: await dekStore.count({ product }, { signal }) };
  const counter = new UpkeepCounter();
  const tend = (item: StoredItem): ReturnType<RowTender['tend']> => tender.tend(item);
  for await (const items of dekRowPages(dekStore, { product }, signal)) {
    await context.requireAllowed?.();
    for await (const tended of settleConcurrently(items, tend, { concurrency, signal })) {
      counter.add(tended);
      yield { ...tended.outcome, counts: counter.counts };
    }
  }
  signal?.throwIfAborted();
  yield { type: 'passed', pass, counts: counter.counts };
  return counter;
}
