/** The dashboard and the rules for alarms: each query selects what the notes backend emits. Needs the built package. @module */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { emittedSeries } from '../support/otel/emitted-series.js';
import { parseQuery, selects, type Query, type Series } from '../support/otel/promql.js';

const FOLDER = join(import.meta.dirname, '../../examples/notes-backend/dashboards');
/** Added by Prometheus when it scrapes, and by a histogram. */
const OTHER_LABELS = ['instance', 'le'];
const ALARMS = [
  'TAMPERED',
  'PLAINTEXT_REFUSED',
  'field_encrypt_plaintext_reads_total',
  'field_encrypt_unwrap_duration',
  'field_encrypt_unwrap_other_version_total',
  'KEY_PROVIDER_THROTTLED',
  'field_encrypt_audit_backlog_size',
  'field_encrypt_readiness_ready',
];

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly refId: string;
  }[];
}

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly {
      readonly name: string;
      readonly type: string;
      readonly definition?: string;
    }[];
  };
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const dashboard = JSON.parse(readFileSync(join(FOLDER, 'field-encrypt.json'), 'utf8')) as Dashboard;
const { groups } = parse(readFileSync(join(FOLDER, 'alerts.yaml'), 'utf8')) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const rules = groups.flatMap((group) => group.rules);
const queries: readonly (readonly [string, string])[] = [
  ...panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, refId }) => [`panel "${title}" ${refId}`, withVariables(expr)] as const),
  ),
  ...rules.map(({ alert, expr }) => [`alert ${alert}`, expr] as const),
];

/** As Grafana fills them in. */
function withVariables(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__range', '6h')
    .replaceAll('$product', '.*');
}

/** Under both schemes of names. */
async function namingSchemes(): Promise<readonly (readonly Series[])[]> {
  const { scraped, received } = await emittedSeries();
  expect(received).not.toEqual(scraped);
  return [scraped, received];
}

/** What a query needs and nothing emits. */
function missingFrom(
  series: readonly Series[],
  { selectors, groupings }: Query,
): readonly string[] {
  const selected = selectors.map((selector) => series.filter((each) => selects(selector, each)));
  const nothing = selected.flatMap((found, index) =>
    found.length === 0 ? [`nothing is selected by ${JSON.stringify(selectors[index])}`] : [],
  );
  const labels = new Set(selected.flat().flatMap((each) => Object.keys(each.labels)));
  const unknown = groupings.filter((label) => !labels.has(label) && !OTHER_LABELS.includes(label));
  const matched = selectors.flatMap(({ matchers }) => matchers.map(({ label }) => label));
  const unmatched = matched.filter((label) => label !== '__name__' && !labels.has(label));
  return [...nothing, ...[...unknown, ...unmatched].map((label) => `no label ${label}`)];
}

describe('every query', () => {
  it.each(queries)('of %s selects what is emitted', async (_what, expr) => {
    const query = parseQuery(expr);
    expect(query.selectors.length).toBeGreaterThan(0);
    for (const series of await namingSchemes()) expect(missingFrom(series, query)).toEqual([]);
  });

  it('that names another metric, value or label is noticed', async () => {
    const [scraped = []] = await namingSchemes();
    const wrong = [
      'sum(field_encrypt_unwrap_other_version)',
      'field_encrypt_open_failures_total{error_type="TAMPER"}',
      'sum by (field_encrypt_mek) (field_encrypt_unwrap_other_version_total)',
      'field_encrypt_cache_requests_total{field_encrypt_product=~".*"}',
    ];
    for (const each of wrong) {
      expect(missingFrom(scraped, parseQuery(each)), each).not.toEqual([]);
    }
    expect(() => parseQuery('sum by (x (y)')).toThrow('No PromQL');
  });
});

describe('the dashboard', () => {
  it('shows every metric', async () => {
    const [scraped = []] = await namingSchemes();
    const parsed = panels.flatMap(({ targets = [] }) =>
      targets.map(({ expr }) => parseQuery(withVariables(expr))),
    );
    const shown = new Set(
      parsed.flatMap(({ selectors }) =>
        scraped
          .filter((each) => selectors.some((selector) => selects(selector, each)))
          .map(({ name }) => metricOf(name)),
      ),
    );
    const own = scraped
      .map(({ name }) => metricOf(name))
      .filter((name) => name.startsWith('field_encrypt_'));
    expect([...new Set(own)].filter((name) => !shown.has(name))).toEqual([]);
  });

  it('has panels that do not overlap, with legends of labels that their queries keep', () => {
    const taken = new Set<string>();
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { title, gridPos, targets = [] } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${String(x)}/${String(y)}`), title).toBe(false);
          taken.add(`${String(x)}/${String(y)}`);
        }
      }
      for (const { expr, legendFormat } of targets) {
        const { groupings } = parseQuery(withVariables(expr));
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
          expect(groupings, title).toContain(label);
      }
    }
  });

  it('has the variables that its queries use, from series that are emitted', async () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    expect(names).toEqual(['datasource', 'product']);
    const [, series = '', label = ''] =
      /^label_values\((\w+), (\w+)\)$/.exec(dashboard.templating.list[1]?.definition ?? '') ?? [];
    for (const naming of await namingSchemes()) {
      expect(naming.some((each) => each.name === series && label in each.labels)).toBe(true);
    }
  });
});

describe('the rules', () => {
  it.each(ALARMS)('raise an alarm for %s', (what) => {
    expect(rules.some(({ expr }) => expr.includes(what))).toBe(true);
  });

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s says what has happened, and uses the labels that its query keeps',
    (name, { expr, for: duration, labels, annotations }) => {
      expect(name).toMatch(/^FieldEncrypt[A-Z][A-Za-z]+$/);
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(duration).toMatch(/^\d+(s|m|h|d)$/);
      const { groupings } = parseQuery(expr);
      const text = `${annotations.summary} ${annotations.description}`;
      expect(annotations.description.length).toBeGreaterThan(30);
      for (const [, label] of text.matchAll(/\$labels\.(\w+)/g)) expect(groupings).toContain(label);
    },
  );

  it('have different names', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });
});

function metricOf(series: string): string {
  return series.replace(/_(bucket|count|sum)$/, '');
}
