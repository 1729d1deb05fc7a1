/** Metrics of what was last known of rotations and readiness. @module */
import {
  diagnosticsChannels,
  type ReadinessMessage,
  type RotationRecordMessage,
} from '../diagnostics/diagnostics-channels.js';
import { MOST_PRODUCTS } from './attributes.js';
import type { Instrumentation } from './instrumentation.js';

export function watchRotations(parts: Instrumentation): void {
  const { meter, listening, values, targets } = parts;
  listening.to<RotationRecordMessage>(diagnosticsChannels.rotationRecord, (message) => {
    targets.addRecord(message);
  });
  const epochs = meter.createObservableGauge('field_encrypt.rotation.epoch', {
    description: 'Epoch of the last rotation that this process knows of',
    unit: '{epoch}',
  });
  const unfinished = meter.createObservableGauge('field_encrypt.rotation.unfinished', {
    description: '1 while the rotation record shows a rotation that is not finished, else 0',
    unit: '{rotation}',
  });
  const ofTargets = meter.createObservableGauge('field_encrypt.rotation.target', {
    description: '1 for the MEK version that wraps new DEKs, 0 for one that did',
    unit: '{mek}',
  });
  listening.observe(meter, [epochs, unfinished, ofTargets], (results) => {
    for (const [product, { epoch, state, target }] of targets.all) {
      const attributes = values.of({ product });
      results.observe(epochs, epoch, attributes);
      // An SDK goes on to report what was observed last.
      for (const former of targets.formerOf(product)) {
        results.observe(ofTargets, 0, values.of({ product, ...former }));
      }
      results.observe(ofTargets, 1, values.of({ product, ...target }));
      if (state !== undefined)
        results.observe(unfinished, Number(state !== 'complete'), attributes);
    }
  });
}

/** The last answer of `checkReadiness` for each product. */
export function watchReadiness({ meter, listening, values }: Instrumentation): void {
  const last = new Map<string, ReadinessMessage>();
  listening.to<ReadinessMessage>(diagnosticsChannels.readiness, (message) => {
    const { product } = message;
    if (last.has(product) || last.size < MOST_PRODUCTS) last.set(product, message);
  });
  const ready = meter.createObservableGauge('field_encrypt.readiness.ready', {
    description: '1 where the last checkReadiness found everything in order, else 0',
    unit: '{encryptor}',
  });
  const checks = meter.createObservableGauge('field_encrypt.readiness.check', {
    description: '1 where the check was passed in the last checkReadiness, else 0',
    unit: '{check}',
  });
  listening.observe(meter, [ready, checks], (results) => {
    for (const [product, { mode, enabled, checks: outcomes, ...message }] of last) {
      results.observe(ready, Number(message.ready), values.of({ product, mode, enabled }));
      for (const { name, ok } of outcomes) {
        results.observe(checks, Number(ok), values.of({ product, check: name }));
      }
    }
  });
}
