/**
 * Each rule for alarms, evaluated by Prometheus itself over series as the notes backend emits them: when it
 * raises an alarm, and when it does not. Needs the built package.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { emittedSeries } from '../support/otel/emitted-series.js';
import type { Series } from '../support/otel/promql.js';
import { hasPromtool, NO_PROMTOOL } from '../support/otel/promtool.js';

const RULES = join(import.meta.dirname, '../../examples/notes-backend/dashboards/alerts.yaml');

/** Values each minute, or each five minutes, in the notation of promtool: `0+5x10` begins at 0 and rises by 5 ten times. */
interface Given {
  /** Of the scrape; a metric with a unit also has the name that it has by OTLP. */
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Labels that it has, with other values. */
  readonly changed?: Readonly<Record<string, string>>;
  readonly values: string;
}

interface Case {
  readonly alert: string;
  readonly what: string;
  readonly given: readonly Given[];
  /** When it is checked. */
  readonly at: string;
  /** How many alarms of this rule there are then. */
  readonly firing: 0 | 1;
}

const failures = (error: string, values: string): Given => ({
  name: 'field_encrypt_open_failures_total',
  labels: { error_type: error },
  values,
});
const unwraps = (values: string, labels: Readonly<Record<string, string>> = {}): Given => ({
  name: 'field_encrypt_unwrap_duration_count',
  labels: { field_encrypt_purpose: 'document', ...labels },
  values,
});
const ready = (values: string, labels: Readonly<Record<string, string>> = {}): Given => ({
  name: 'field_encrypt_readiness_ready',
  changed: { field_encrypt_mode: 'strict', field_encrypt_enabled: 'true', ...labels },
  values,
});
const plaintext = (values: string): Given => ({
  name: 'field_encrypt_plaintext_reads_total',
  values,
});
const otherVersion = (values: string): Given => ({
  name: 'field_encrypt_unwrap_other_version_total',
  values,
});
const unfinished = (values: string): Given => ({
  name: 'field_encrypt_rotation_unfinished',
  values,
});
const throttles = (values: string): Given => ({
  name: 'field_encrypt_key_provider_retries_total',
  labels: { error_type: 'KEY_PROVIDER_THROTTLED' },
  values,
});
const failedItems = (values: string): Given => ({
  name: 'field_encrypt_run_items_total',
  labels: { field_encrypt_run_outcome: 'failed', error_type: 'OTHER' },
  values,
});
const mismatches = (values: string): Given => ({
  name: 'field_encrypt_definition_mismatches_total',
  values,
});
const backlog = (figure: string, values: string): Given => ({
  name: `field_encrypt_audit_backlog_${figure}`,
  values,
});

type Row = readonly [what: string, given: readonly Given[], at: string, firing: 0 | 1];

const CASES: Readonly<Record<string, readonly Row[]>> = {
  FieldEncryptTampered: [
    ['the first of a process', [failures('TAMPERED', '_x20 1x60')], '22m', 1],
    ['one more', [failures('TAMPERED', '3x20 4x60')], '22m', 1],
    ['after a while', [failures('TAMPERED', '3x20 4x60')], '40m', 0],
    ['another failure', [failures('PLAINTEXT_REFUSED', '0+1x40')], '0m', 0],
  ],
  FieldEncryptPlaintextRefused: [
    ['the first of a process', [failures('PLAINTEXT_REFUSED', '_x20 1x60')], '22m', 1],
    ['none for a while', [failures('PLAINTEXT_REFUSED', '1x60')], '40m', 0],
  ],
  FieldEncryptPlaintextInStrict: [
    ['the first of a process', [plaintext('_x20 1x200'), ready('1x200')], '22m', 1],
    ['more of them', [plaintext('5x20 9x200'), ready('1x200')], '22m', 1],
    ['none for a while', [plaintext('5x200'), ready('1x200')], '100m', 0],
    [
      'in mode "migrate"',
      [plaintext('0+1x200'), ready('1x200', { field_encrypt_mode: 'migrate' })],
      '100m',
      0,
    ],
  ],
  FieldEncryptUnwrapSpike: [
    ['thirty times as many', [unwraps('0+30x300 9900+900x12')], '1540m', 1],
    ['as many as ever', [unwraps('0+900x320')], '1540m', 0],
    ['a few more, of which there were none', [unwraps('0x300 50+50x12')], '1540m', 0],
    ['for a moment', [unwraps('0+30x300 9900+30x12')], '1520m', 0],
  ],
  FieldEncryptKeyServiceFails: [
    ['one of ten', [unwraps('0+90x30'), unwraps('0+10x30', { error_type: 'OTHER' })], '20m', 1],
    ['one of fifty', [unwraps('0+98x30'), unwraps('0+2x30', { error_type: 'OTHER' })], '20m', 0],
  ],
  FieldEncryptThrottled: [
    ['twelve a minute', [throttles('0+12x30')], '20m', 1],
    ['three a minute', [throttles('0+3x30')], '20m', 0],
  ],
  FieldEncryptOldVersionNeeded: [
    ['after a rotation', [unfinished('1x20 0x100'), otherVersion('_x80 1x40')], '82m', 1],
    ['more of them', [unfinished('1x20 0x100'), otherVersion('5x80 6x40')], '82m', 1],
    ['while it runs', [unfinished('1x120'), otherVersion('0+1x120')], '82m', 0],
    ['while it ran', [unfinished('1x60 0x60'), otherVersion('0+1x60 60x60')], '65m', 0],
    ['long ago', [unfinished('0x120'), otherVersion('7x120')], '110m', 0],
  ],
  FieldEncryptRotationUnfinished: [
    ['after a day', [unfinished('1x320')], '1500m', 1],
    ['after some hours', [unfinished('1x320')], '500m', 0],
  ],
  FieldEncryptRunFails: [
    ['the first of a process', [failedItems('_x20 2x60')], '22m', 1],
    ['none for a while', [failedItems('2x60')], '50m', 0],
  ],
  FieldEncryptDefinitionMismatch: [
    ['the first of a process', [mismatches('_x20 2x200')], '22m', 1],
    ['none for a while', [mismatches('2x200')], '150m', 0],
  ],
  FieldEncryptAuditSpoolFilling: [
    ['half of it', [backlog('size', '0+20x30 600x30'), backlog('limit', '1000x60')], '50m', 1],
    ['less', [backlog('size', '400x60'), backlog('limit', '1000x60')], '50m', 0],
  ],
  FieldEncryptAuditNotSent: [
    ['for an hour', [backlog('age', '0+60x60')], '60m', 1],
    ['for minutes', [backlog('age', '300x60')], '60m', 0],
  ],
  FieldEncryptNotReady: [
    ['for minutes', [ready('1x10 0x20')], '14m', 1],
    ['for a moment', [ready('1x10 0 1x20')], '12m', 0],
  ],
  FieldEncryptDisabled: [
    ['for minutes', [ready('1x20', { field_encrypt_enabled: 'false' })], '10m', 1],
    ['never', [ready('1x20')], '10m', 0],
  ],
};

/** They compare days. */
const SLOW_ALERTS = ['FieldEncryptUnwrapSpike', 'FieldEncryptRotationUnfinished'];

interface Rule {
  readonly alert: string;
}

const { groups: all } = parse(readFileSync(RULES, 'utf8')) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const rules = all.flatMap((group) => group.rules);
const cases = Object.entries(CASES).flatMap(([alert, rows]) =>
  rows.map(([what, given, at, firing]): Case => ({ alert, what, given, at, firing })),
);

/** One that was emitted, whose other labels stay. @throws where nothing emits such a series. */
function seriesFor({ name, labels = {}, changed = {} }: Given, emitted: readonly Series[]): Series {
  const found = emitted.find(
    (each) =>
      new RegExp(`^${name.replace(/(_count)?$/, '(_seconds|_bytes)?$1$')}`).test(each.name) &&
      Object.entries(labels).every(([label, value]) => each.labels[label] === value) &&
      ('error_type' in labels || !('error_type' in each.labels)) &&
      Object.keys(changed).every((label) => label in each.labels),
  );
  if (!found) throw new Error(`Nothing emits ${name} ${JSON.stringify(labels)}`);
  return { name: found.name, labels: { ...found.labels, ...changed } };
}

function inputOf(given: Given, emitted: readonly Series[]): object {
  const { name, labels } = seriesFor(given, emitted);
  const all = Object.entries({ ...labels, instance: 'notes-1' });
  const text = all.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(',');
  return { series: `${name}{${text}}`, values: given.values };
}

function testsOf(
  emitted: readonly Series[],
  chosen: readonly Case[],
  interval: string,
): readonly object[] {
  return chosen.map(({ alert, what, given, at, firing }) => ({
    name: `${alert}: ${what}`,
    interval,
    input_series: given.map((each) => inputOf(each, emitted)),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}", alertstate="firing"}) or vector(0)`,
        eval_time: at,
        exp_samples: [{ labels: '{}', value: firing }],
      },
    ],
  }));
}

/** Over series with these names. Each rule alone: Prometheus would evaluate all of them in each case. */
function evaluate(emitted: readonly Series[], chosen: readonly Case[]) {
  const outcomes = rules.flatMap((rule) => {
    const own = chosen.filter(({ alert }) => alert === rule.alert);
    const interval = SLOW_ALERTS.includes(rule.alert) ? '5m' : '1m';
    return own.length === 0 ? [] : [promtool(rule, testsOf(emitted, own, interval), interval)];
  });
  return {
    isRight: outcomes.every(({ status }) => status === 0),
    output: outcomes.map(({ output }) => output).join(''),
  };
}

function promtool(rule: Rule, tests: readonly object[], interval: string) {
  const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-rules-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const file = join(folder, 'tests.yaml');
  const groups = [{ name: 'one', rules: [rule] }];
  writeFileSync(join(folder, 'rules.yaml'), stringify({ groups }));
  writeFileSync(
    file,
    stringify({ rule_files: ['rules.yaml'], evaluation_interval: interval, tests }),
  );
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', file], {
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

describe('the rules', () => {
  it('are each tried: one that raises an alarm, and one that does not', () => {
    expect(Object.keys(CASES).sort()).toEqual(rules.map(({ alert }) => alert).sort());
    for (const rows of Object.values(CASES)) {
      expect(new Set(rows.map(([, , , firing]) => firing)).size).toBe(2);
    }
  });

  it.runIf(hasPromtool)(`are rules of Prometheus${NO_PROMTOOL}`, () => {
    const { status, stderr } = spawnSync('promtool', ['check', 'rules', RULES]);
    expect(status, String(stderr)).toBe(0);
  });

  it.runIf(hasPromtool)(`raise alarms, and only then${NO_PROMTOOL}`, async () => {
    const { scraped, received } = await emittedSeries();
    // By OTLP, only series with units have other names.
    const withUnits = cases.filter(({ given }) =>
      given.some((each) => seriesFor(each, scraped).name !== seriesFor(each, received).name),
    );
    expect(withUnits.length).toBeGreaterThan(5);
    for (const { isRight, output } of [evaluate(scraped, cases), evaluate(received, withUnits)]) {
      expect(isRight, output).toBe(true);
    }
  });

  it.runIf(hasPromtool)(`that raise none are noticed${NO_PROMTOOL}`, async () => {
    const { scraped } = await emittedSeries();
    const wrong = cases.slice(0, 2).map((each): Case => ({ ...each, firing: 0 }));
    expect(evaluate(scraped, wrong).isRight).toBe(false);
  });
});
