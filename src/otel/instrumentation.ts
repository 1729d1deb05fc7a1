/** What the parts of an instrumentation share. @module */
import type { Histogram, Meter, Tracer } from '@opentelemetry/api';
import type { Clock } from '../async/clock.js';
import type { BoundedValues } from './attributes.js';
import type { KnownTargets } from './known-targets.js';
import type { Listening } from './listening.js';

export interface Instrumentation {
  readonly meter: Meter;
  readonly tracer: Tracer;
  readonly clock: Clock;
  readonly listening: Listening;
  readonly values: BoundedValues;
  readonly targets: KnownTargets;
}

/** From a local key to a run of hours: a histogram has a time series for each. */
const CALL_SECONDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];
const RUN_SECONDS = [1, 5, 15, 60, 300, 900, 3_600, 14_400, 43_200, 86_400];

export function secondsOf(
  meter: Meter,
  name: string,
  { description, of }: { readonly description: string; readonly of: 'call' | 'run' },
): Histogram {
  const explicitBucketBoundaries = of === 'call' ? CALL_SECONDS : RUN_SECONDS;
  return meter.createHistogram(name, {
    description,
    unit: 's',
    advice: { explicitBucketBoundaries },
  });
}
