/** The table of metrics in the docs, against what comes out of an SDK when everything happens. @module */
import { DataPointType, type MetricData } from '@opentelemetry/sdk-metrics';
import { expect, it } from 'vitest';
import { tableUnder } from '../support/docs-code.js';
import { setup } from '../support/encryptor.js';
import { doEverything, WAITING_SINK } from '../support/otel/everything.js';
import { otelWorld } from '../support/otel/otel-world.js';

const PREFIX = 'field_encrypt.';

interface Described {
  readonly kind: string;
  readonly unit: string;
  readonly attributes: readonly string[];
}

function documented(): Readonly<Record<string, Described>> {
  const rows = tableUnder('docs/watching.md', 'OpenTelemetry').filter(([, name = '']) =>
    name.startsWith(`\`${PREFIX}`),
  );
  return Object.fromEntries(
    rows.map(([, name = '', kind = '', unit = '', attributes = '']) => [
      name.replaceAll('`', ''),
      {
        kind,
        unit: unit.replaceAll('`', ''),
        attributes: attributes
          .split(', ')
          .filter((each) => each !== '')
          .sort(),
      },
    ]),
  );
}

function kindOf({ dataPointType }: MetricData): string {
  if (dataPointType === DataPointType.SUM) return 'counter';
  return dataPointType === DataPointType.GAUGE ? 'gauge' : 'histogram';
}

function described(metric: MetricData): Described {
  const points = metric.dataPoints as readonly { readonly attributes: object }[];
  const names = new Set(points.flatMap(({ attributes }) => Object.keys(attributes)));
  const attributes = [...names].map((name) => name.replace(PREFIX, '')).sort();
  return { kind: kindOf(metric), unit: metric.descriptor.unit, attributes };
}

it('the docs have every metric that is emitted, with its kind, unit and attributes', async () => {
  const encryptors = [setup().encryptor];
  const world = otelWorld({ encryptors, auditSinks: [WAITING_SINK] });
  await doEverything();
  const emitted = Object.fromEntries(
    (await world.metrics()).map((metric) => [metric.descriptor.name, described(metric)]),
  );
  const table = documented();
  expect(Object.keys(table).sort()).toEqual(Object.keys(emitted).sort());
  expect(Object.keys(table).length).toBeGreaterThan(25);
  for (const [name, metric] of Object.entries(emitted)) expect(table[name], name).toEqual(metric);
  for (const { descriptor } of await world.metrics()) {
    expect(descriptor.name).toMatch(/^field_encrypt(\.[a-z]+(_[a-z]+)*)+$/);
    expect(descriptor.unit).toMatch(/^(s|By|\{[a-z]+(_[a-z]+)*\})$/);
    expect(descriptor.description.length, descriptor.name).toBeGreaterThan(10);
  }
});
