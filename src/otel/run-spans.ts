/** Spans of runs, such as `rewrapAllDeks`. @module */
import { context, type Attributes, type Span } from '@opentelemetry/api';
import { diagnosticsChannels } from '../diagnostics/diagnostics-channels.js';
import type { RunMessage } from '../run/run-publisher.js';
import { endSpan } from './call-spans.js';
import type { Instrumentation } from './instrumentation.js';
import { keyOfRun, measuredOfRun, MOST_RUNS } from './run-metrics.js';

/** Few in each run, once those that repeat themselves are left out. */
const STEPS: readonly string[] = ['begun', 'fence', 'lease', 'pass', 'passed'];

interface TracedRun {
  readonly span: Span;
  lastStep: string | undefined;
}

/** Below what is active where the run is pulled first; a run without a parent has a trace of its own. */
export function traceRuns({ tracer, listening, values }: Instrumentation): void {
  const runs = new Map<string, TracedRun>();
  listening.to<RunMessage>(diagnosticsChannels.run, (message) => {
    const { event, run } = message;
    const key = keyOfRun(message);
    if (event.type === 'started' && runs.size < MOST_RUNS) {
      const attributes = values.of({ ...measuredOfRun(message), ...message.target });
      const name = `field_encrypt.run.${run}`;
      const span = tracer.startSpan(name, { attributes }, context.active());
      runs.set(key, { span, lastStep: undefined });
    }
    const traced = runs.get(key);
    if (!traced) return;
    addStep(traced, event.type);
    if (event.type !== 'finished' && event.type !== 'stopped') return;
    runs.delete(key);
    traced.span.setAttributes(outcomeOf(message));
    endSpan(traced.span, 'errorCode' in event ? event.errorCode : undefined);
  });
  listening.onStop(() => {
    for (const { span } of runs.values()) span.end();
  });
}

function addStep(traced: TracedRun, step: string): void {
  if (!STEPS.includes(step) || step === traced.lastStep) return;
  traced.lastStep = step;
  traced.span.addEvent(`field_encrypt.run.${step}`);
}

const COUNTS = ['passes', 'scanned', 'changed', 'skipped', 'failed', 'vaultOps'] as const;

function outcomeOf({ event }: RunMessage): Attributes {
  const outcome: Attributes = { 'field_encrypt.run.outcome': event.type };
  if (event.type !== 'finished') return outcome;
  const { summary } = event;
  for (const name of COUNTS) outcome[`field_encrypt.run.${name}`] = summary[name];
  outcome['field_encrypt.run.complete'] = summary.complete;
  return outcome;
}
