/** Metrics of the calls to key providers and DEK stores. @module */
import type { Histogram } from '@opentelemetry/api';
import { diagnosticsChannels, type RetryMessage } from '../diagnostics/diagnostics-channels.js';
import type {
  CallMessage,
  StoreMessage,
  UnwrapMessage,
  WrapMessage,
} from '../diagnostics/traced-call.js';
import type { Measured } from './attributes.js';
import { secondsOf, type Instrumentation } from './instrumentation.js';

/** `proof`: of a random key, to show that the MEK works. */
export function measuredOfWrap(message: WrapMessage): Measured {
  const { product, keyProvider, mekName, mekVersion, dekId, errorCode } = message;
  const purpose = dekId === undefined ? 'proof' : 'dek';
  return { product, keyProvider, mekName, mekVersion, purpose, errorType: errorCode };
}

/** `document`: of a DEK that opens or seals one; `run`: of one that is only wrapped again. */
export function measuredOfUnwrap(message: UnwrapMessage): Measured {
  const { dekId, epoch } = message;
  const purpose = epoch === undefined ? 'run' : 'document';
  return { ...measuredOfWrap(message), ...(dekId !== undefined && { purpose }) };
}

export function measuredOfStore({ product, method, errorCode }: StoreMessage): Measured {
  return { product, storeMethod: method, errorType: errorCode };
}

export function watchKeyProviders({ meter, listening, values, targets }: Instrumentation): void {
  const wraps = secondsOf(meter, 'field_encrypt.wrap.duration', {
    description: 'Time of one wrapKey of a key provider, with all its attempts',
    of: 'call',
  });
  const unwraps = secondsOf(meter, 'field_encrypt.unwrap.duration', {
    description: 'Time of one unwrapKey of a key provider, with all its attempts',
    of: 'call',
  });
  const otherVersions = meter.createCounter('field_encrypt.unwrap.other_version', {
    description:
      'Unwraps for documents by another MEK version than the target of the last rotation',
    unit: '{unwrap}',
  });
  const retries = meter.createCounter('field_encrypt.key_provider.retries', {
    description: 'Requests to a key service that failed and were about to be retried',
    unit: '{request}',
  });
  listening.to<WrapMessage>(ended(diagnosticsChannels.wrap), (message) => {
    recordTime(wraps, message, values.of(measuredOfWrap(message)));
  });
  listening.to<UnwrapMessage>(ended(diagnosticsChannels.unwrap), (message) => {
    recordTime(unwraps, message, values.of(measuredOfUnwrap(message)));
    if (!targets.addUnwrap(message)) return;
    const { product, keyProvider, mekName, mekVersion } = message;
    otherVersions.add(1, values.of({ product, keyProvider, mekName, mekVersion }));
  });
  listening.to<RetryMessage>(diagnosticsChannels.retry, ({ keyProvider, mekName, errorCode }) => {
    retries.add(1, values.of({ keyProvider, mekName, errorType: errorCode }));
  });
}

export function watchStores({ meter, listening, values }: Instrumentation): void {
  const calls = secondsOf(meter, 'field_encrypt.store.duration', {
    description: 'Time of one call of the DEK store',
    of: 'call',
  });
  const charge = meter.createCounter('field_encrypt.store.request_charge', {
    description: 'Request units that the DEK store charged',
    unit: '{request_unit}',
  });
  listening.to<StoreMessage>(ended(diagnosticsChannels.store), (message) => {
    recordTime(calls, message, values.of(measuredOfStore(message)));
    const { product, method, requestCharge } = message;
    if (requestCharge === undefined) return;
    charge.add(requestCharge, values.of({ product, storeMethod: method }));
  });
}

function ended(name: string): string {
  return `tracing:${name}:asyncEnd`;
}

function recordTime(
  histogram: Histogram,
  { durationMs }: CallMessage,
  attributes: ReturnType<Instrumentation['values']['of']>,
): void {
  if (durationMs !== undefined) histogram.record(durationMs / 1_000, attributes);
}
