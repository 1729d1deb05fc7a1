/** What the notes backend answers to a scrape, once everything has happened that is measured. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HttpAuditSink } from '@bytelyst/field-encrypt/audit';
import { onTestFinished } from 'vitest';
import { doEverything } from './everything.js';
import { measuredBackend, scrape } from './measured-backend.js';
import { seriesOf, type Series } from './promql.js';

/** As Prometheus names series that it scrapes, and those that arrive by OTLP: with units. */
export interface EmittedSeries {
  readonly scraped: readonly Series[];
  readonly received: readonly Series[];
}

let emitted: Promise<EmittedSeries> | undefined;

/** To be called in a test. Once for each process. */
export function emittedSeries(): Promise<EmittedSeries> {
  return (emitted ??= emitEverything());
}

async function emitEverything(): Promise<EmittedSeries> {
  const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-spool-'));
  const secrets = [`whsec_${Buffer.alloc(24, 7).toString('base64')}`];
  const auditSink = new HttpAuditSink({ url: 'http://127.0.0.1:1/', folder, secrets });
  onTestFinished(async () => {
    await auditSink.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { backend } = await measuredBackend({ auditSink });
  const { url } = await backend.create();
  backend.forgetKeys();
  await backend.call('GET', url);
  await backend.call('GET', '/api/diagnostics/readiness');
  // What commands and other applications do, in this process too.
  await doEverything();
  const text = await scrape(backend);
  const units = new Map(
    [...text.matchAll(/^# UNIT (\S+) (s|By)$/gm)].map(([, name = '', unit]) => [name, unit]),
  );
  const scraped = seriesOf(text);
  return { scraped, received: scraped.map((series) => withUnit(series, units)) };
}

function withUnit(
  { name, labels }: Series,
  units: ReadonlyMap<string, string | undefined>,
): Series {
  const [, base = '', part = ''] = /^(.*?)(_bucket|_count|_sum)?$/.exec(name) ?? [];
  const unit = units.get(base);
  const suffix = unit === 's' ? '_seconds' : '_bytes';
  return { name: unit === undefined ? name : `${base}${suffix}${part}`, labels };
}
