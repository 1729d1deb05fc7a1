/** Queries of PromQL: what they select, by the parser of Prometheus itself. */
import { parser } from '@prometheus-io/lezer-promql';

export interface Matcher {
  readonly label: string;
  readonly op: string;
  readonly value: string;
}

export interface Selector {
  /** Absent where it is matched. */
  readonly name?: string;
  readonly matchers: readonly Matcher[];
}

export interface Query {
  readonly selectors: readonly Selector[];
  /** Labels that series are grouped or joined by. */
  readonly groupings: readonly string[];
}

/** @throws Error where it is no PromQL. */
export function parseQuery(text: string): Query {
  const selectors: Selector[] = [];
  const groupings = new Set<string>();
  let within: { name?: string; matchers: Matcher[] } = { matchers: [] };
  let grouping = false;
  let label = '';
  let op = '';
  parser.parse(text).iterate({
    enter: ({ type, name, from, to }) => {
      const source = text.slice(from, to);
      if (type.isError) throw new Error(`No PromQL at ${String(from)}: ${text}`);
      if (name === 'VectorSelector') {
        within = { matchers: [] };
        selectors.push(within);
      } else if (name === 'Identifier') within.name = source;
      else if (name === 'GroupingLabels') grouping = true;
      else if (name === 'LabelName' && grouping) groupings.add(source);
      else if (name === 'LabelName') label = source;
      else if (name === 'MatchOp') op = source;
      else if (name === 'StringLiteral' && op !== '') {
        within.matchers.push({ label, op, value: JSON.parse(source) as string });
        op = '';
      }
    },
    leave: ({ name }) => {
      if (name === 'GroupingLabels') grouping = false;
    },
  });
  return { selectors, groupings: [...groupings] };
}

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The series of a scrape. */
export function seriesOf(text: string): readonly Series[] {
  return text.split('\n').flatMap((line) => {
    const [, name, labels = ''] = /^([a-z_]+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)];
    const named = pairs.map(([, label = '', value = '']): [string, string] => [label, value]);
    return [{ name, labels: Object.fromEntries(named) }];
  });
}

/** Whether a selector selects it; its labels of a scrape are added by the one that scrapes. */
export function selects({ name, matchers }: Selector, series: Series): boolean {
  if (name !== undefined && name !== series.name) return false;
  const labels: Readonly<Record<string, string>> = { ...series.labels, __name__: series.name };
  return matchers.every(({ label, op, value }) => {
    const own = labels[label] ?? '';
    const isLike = op.includes('~') ? new RegExp(`^(?:${value})$`).test(own) : own === value;
    return op.startsWith('!') ? !isLike : isLike;
  });
}
