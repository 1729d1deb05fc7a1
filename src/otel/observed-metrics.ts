/** Metrics of what an application names: its encryptors, and its audit sinks. @module */
import type { Instrumentation } from './instrumentation.js';

/** What is measured of an encryptor; a `FieldEncryptor` is one. */
export interface ObservedEncryptor {
  readonly product: string;
  readonly dekCache: { readonly size: number; readonly maxEntries: number };
}

/** What is measured of an audit sink; an `HttpAuditSink` is one. */
export interface ObservedAuditSink {
  /** The bytes that it may hold. */
  readonly maxBytes?: number;
  backlog(): AuditBacklogLike | Promise<AuditBacklogLike>;
}

interface AuditBacklogLike {
  readonly events: number;
  readonly bytes: number;
  /** RFC 3339. */
  readonly oldestAt?: string;
}

export function watchEncryptors(
  { meter, listening, values }: Instrumentation,
  encryptors: readonly ObservedEncryptor[],
): void {
  if (encryptors.length === 0) return;
  // Several encryptors may share a cache.
  const owners = new Map(encryptors.map(({ dekCache, product }) => [dekCache, product]));
  const entries = meter.createObservableGauge('field_encrypt.cache.entries', {
    description: 'DEKs in the cache',
    unit: '{dek}',
  });
  const limit = meter.createObservableGauge('field_encrypt.cache.limit', {
    description: 'DEKs that the cache may hold',
    unit: '{dek}',
  });
  listening.observe(meter, [entries, limit], (results) => {
    for (const product of new Set(owners.values())) {
      const caches = [...owners].filter(([, owner]) => owner === product).map(([cache]) => cache);
      const attributes = values.of({ product });
      const [sizes, most] = [caches.map(({ size }) => size), caches.map((each) => each.maxEntries)];
      results.observe(entries, sum(sizes), attributes);
      results.observe(limit, sum(most), attributes);
    }
  });
}

export function watchAuditSinks(
  { meter, clock, listening }: Instrumentation,
  sinks: readonly ObservedAuditSink[],
): void {
  if (sinks.length === 0) return;
  const events = meter.createObservableGauge('field_encrypt.audit.backlog.events', {
    description: 'Audit events that are recorded here and not yet sent',
    unit: '{event}',
  });
  const bytes = meter.createObservableGauge('field_encrypt.audit.backlog.size', {
    description: 'Bytes of the audit events that are not yet sent',
    unit: 'By',
  });
  const limit = meter.createObservableGauge('field_encrypt.audit.backlog.limit', {
    description: 'Bytes of audit events that may wait to be sent',
    unit: 'By',
  });
  const age = meter.createObservableGauge('field_encrypt.audit.backlog.age', {
    description: 'Age of the oldest audit event that is not yet sent; 0 for none',
    unit: 's',
  });
  listening.observe(meter, [events, bytes, limit, age], async (results) => {
    const backlogs = await Promise.all(sinks.map(async (sink) => sink.backlog()));
    const ages = backlogs.map(({ oldestAt }) => ageOf(oldestAt, clock.wallMs()));
    const limits = sinks.flatMap(({ maxBytes }) => maxBytes ?? []);
    results.observe(events, sum(backlogs.map((each) => each.events)));
    results.observe(bytes, sum(backlogs.map((each) => each.bytes)));
    results.observe(age, Math.max(...ages));
    if (limits.length === sinks.length) results.observe(limit, sum(limits));
  });
}

function ageOf(oldestAt: string | undefined, nowMs: number): number {
  return oldestAt === undefined ? 0 : Math.max(0, (nowMs - Date.parse(oldestAt)) / 1_000);
}

function sum(figures: readonly number[]): number {
  return figures.reduce((all, each) => all + each, 0);
}
