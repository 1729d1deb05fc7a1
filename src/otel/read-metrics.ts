/** Metrics of the cache, and of reads that passed something through or failed. @module */
import type { Counter } from '@opentelemetry/api';
import {
  diagnosticsChannels,
  type CacheMessage,
  type FailedOpenMessage,
  type PlaintextReadMessage,
} from '../diagnostics/diagnostics-channels.js';
import type { Instrumentation } from './instrumentation.js';

/** Counted here and handed over when metrics are collected: a hit takes a fraction of what a counter takes. */
export function watchCaches({ meter, listening, values }: Instrumentation): void {
  const requests = meter.createObservableCounter('field_encrypt.cache.requests', {
    description: 'DEKs that were asked for',
    unit: '{request}',
  });
  const evictions = meter.createObservableCounter('field_encrypt.cache.evictions', {
    description: 'DEKs that left the cache',
    unit: '{dek}',
  });
  const asked = { hit: 0, miss: 0, joined: 0 };
  const left = { expired: 0, full: 0, invalidated: 0 };
  listening.to<CacheMessage>(diagnosticsChannels.cache, (message) => {
    if (message.type === 'evicted') count(left, message.reason);
    else count(asked, message.type);
  });
  listening.observe(meter, [requests, evictions], (results) => {
    for (const [cacheResult, count] of Object.entries(asked)) {
      results.observe(requests, count, values.of({ cacheResult }));
    }
    for (const [evictionReason, count] of Object.entries(left)) {
      results.observe(evictions, count, values.of({ evictionReason }));
    }
  });
}

/** Another version of the library may publish what this one does not know. */
function count<Name extends string>(counts: Record<Name, number>, name: Name): void {
  if (Object.hasOwn(counts, name)) counts[name] += 1;
}

export function watchReads({ meter, listening, values }: Instrumentation): void {
  const plaintext = meter.createCounter('field_encrypt.plaintext.reads', {
    description: 'Declared fields that were plaintext and were passed through',
    unit: '{field}',
  });
  const mismatches = meter.createCounter('field_encrypt.definition.mismatches', {
    description: 'Envelopes of another definition that were passed through',
    unit: '{envelope}',
  });
  const failures = meter.createCounter('field_encrypt.open.failures', {
    description: 'Documents that could not be opened',
    unit: '{document}',
  });
  const counting = (counter: Counter) => (message: PlaintextReadMessage) => {
    // Not the path: in a document of another definition it may hold names that are data.
    const { product, collection } = message;
    counter.add(1, values.of({ product, collection }));
  };
  listening.to(diagnosticsChannels.plaintextRead, counting(plaintext));
  listening.to(diagnosticsChannels.definitionMismatch, counting(mismatches));
  listening.to<FailedOpenMessage>(diagnosticsChannels.failedOpen, (message) => {
    const { product, collection, errorCode } = message;
    failures.add(1, values.of({ product, collection, errorType: errorCode }));
  });
}
