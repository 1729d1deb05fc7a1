/** The sections of a report that are the same for every mode. @module */
import { formatDuration } from '../../command-line/durations.js';
import type { Evidence } from '../evidence-schema.js';
import type { Finding, ModeReport } from '../mode-report.js';
import type { View } from '../view.js';
import { type Html, html, type Shown } from './escape.js';
import type { ReportContent } from './html-report.js';
import { code, facts, mark, paragraph, type Section, table } from './parts.js';

export function checksSection(findings: readonly Finding[]): Section {
  const [id, title] = ['checks', 'Checks'];
  if (findings.length === 0) {
    return { id, title, body: [paragraph('The mode reported no finding.')] };
  }
  const columns = [{ name: 'check' }, { name: 'result' }, { name: 'what was found' }];
  const rows = findings.map(({ level, check, message, action, command }) => {
    const advice = [
      ...(action === undefined ? [] : [html`<br />${action}`]),
      ...(command === undefined ? [] : [html`<br />${code(command)}`]),
    ];
    return [check, mark(level), html`${message}${advice}`];
  });
  const count = (level: Finding['level']): number =>
    findings.filter((each) => each.level === level).length;
  const counts = (['ok', 'warn', 'fail', 'unseen'] as const)
    .map((level) => `${String(count(level))} ${level}`)
    .join(', ');
  return { id, title, body: [table(`Checks that were run: ${counts}`, columns, rows)] };
}

/** What ended the mode, and what comes next. */
export function endSections({ error, next }: ModeReport): readonly Section[] {
  const failed = error && [
    facts({ error: error.name, code: error.code && code(error.code), message: error.message }),
  ];
  const steps = next.map(({ why, command }) => html`<li>${why}: ${code(command)}</li> `);
  const follow = html`<ul>
    ${steps}
  </ul> `;
  return [
    ...(failed ? [{ id: 'error', title: 'Error', body: failed }] : []),
    ...(next.length > 0 ? [{ id: 'next', title: 'What comes next', body: [follow] }] : []),
  ];
}

/** More would not be read. */
const MOST_JSON = 40_000;

export function resultSection({ report: { result }, views }: ReportContent): readonly Section[] {
  if (result === undefined && views.length === 0) return [];
  const json = JSON.stringify(result ?? {}, undefined, 2);
  const whole =
    json.length > MOST_JSON
      ? paragraph('The result is long: the JSON report has it.')
      : html`<details class="screen-only">
          <summary>The result as JSON</summary>
          <pre tabindex="0" aria-label="The result as JSON">${json}</pre>
        </details> `;
  return [{ id: 'result', title: 'Result', body: [...views.map(viewHtml), whole] }];
}

function viewHtml(view: View): Html {
  if ('text' in view) return paragraph(view.text);
  const title = view.title ?? 'Result';
  if ('facts' in view)
    return html`<h3>${title}</h3>
      ${facts(view.facts)}`;
  const names = [...new Set(view.rows.flatMap((row) => Object.keys(row)))];
  if (names.length === 0)
    return html`<h3>${title}</h3>
      <p>none</p> `;
  const columns = names.map((name) => ({
    name,
    isNumber: view.rows.every((row) => typeof row[name] === 'number'),
  }));
  return table(
    title,
    columns,
    view.rows.map((row) => names.map((name) => row[name])),
  );
}

export function tookSection({ estimate, took }: Evidence): Section {
  const least = estimate?.leastMs;
  const rows: readonly (readonly Shown[])[] = [
    ['rows or documents changed', estimate?.rows ?? 'not estimated', took.changed],
    ['vault operations', estimate?.vaultOps ?? 'not estimated', took.vaultOps],
    [
      'time',
      least === undefined ? 'no rate was set' : `${formatDuration(least)} at least`,
      formatDuration(Math.max(took.durationMs, 1)),
    ],
    ['scanned, over all scans', '', took.scanned],
    ['failed', '', took.failed],
    ['throttled', '', took.throttled],
    ...(took.requestCharge === undefined ? [] : [['request units', '', took.requestCharge]]),
  ];
  const columns = [
    { name: 'figure' },
    { name: 'estimated before', isNumber: true },
    { name: 'took', isNumber: true },
  ];
  const text =
    'The estimate is by the census before: as if nothing else wrote, and nothing failed.';
  const caption = 'What was estimated, and what it took';
  return {
    id: 'took',
    title: 'Estimate and what it took',
    body: [...(estimate ? [paragraph(text)] : []), table(caption, columns, rows)],
  };
}

export function failuresSection({ failures }: Evidence): Section {
  const [id, title] = ['failures', 'Failures'];
  if (failures.length === 0) return { id, title, body: [paragraph('Nothing failed.')] };
  const columns = [
    { name: 'code' },
    { name: 'count', isNumber: true },
    { name: 'examples', isCode: true },
  ];
  const rows = failures.map(({ code: name, count, examples }) => [
    name,
    count,
    examples.length === 0 ? 'documents; their keys: --document-keys' : examples.join(', '),
  ]);
  return { id, title, body: [table('Failed items by the code of their error', columns, rows)] };
}

export function documentsSection({ documents, digests }: Evidence): readonly Section[] {
  if (!documents) return [];
  const columns = [{ name: 'at the document stores' }, { name: 'count', isNumber: true }];
  const rows: readonly (readonly Shown[])[] = [
    ['documents rewritten', documents.documentsRewritten],
    ['bytes rewritten', documents.bytesRewritten],
    ['documents created', documents.documentsCreated],
    ['bytes created', documents.bytesCreated],
    ['documents deleted', documents.documentsDeleted],
    ['calls that write, failed ones included', documents.writeCalls],
    ['calls that read, those for this report aside', documents.readCalls],
  ];
  const counted = table('Calls of the mode, counted at the stores', columns, rows);
  const sampled = digests === undefined || digests.length === 0 ? [] : [digestsHtml(digests)];
  return [{ id: 'documents', title: 'Documents', body: [counted, ...sampled] }];
}

function digestsHtml(digests: NonNullable<Evidence['digests']>): Html {
  const words = {
    same: 'the same',
    changedMeanwhile: 'changed meanwhile, by its etag',
    deletedMeanwhile: 'deleted meanwhile',
    different: 'other bytes under the same etag',
  };
  const columns = [
    { name: 'document' },
    { name: 'state' },
    { name: 'SHA-256 before', isCode: true },
    { name: 'SHA-256 after', isCode: true },
    { name: 'etag before', isCode: true },
    { name: 'etag after', isCode: true },
  ];
  const rows = digests.map(({ collection, key, state, before, after }, at) => [
    key ? `${collection} ${JSON.stringify(key)}` : `${collection}, sample ${String(at + 1)}`,
    words[state],
    before.sha256,
    after?.sha256 === before.sha256 ? 'the same' : after?.sha256,
    before.etag,
    after?.etag === before.etag ? 'the same' : after?.etag,
  ]);
  return table('Sample documents, before and after', columns, rows);
}

export function itemsSection({ evidence: { items }, json }: ReportContent): Section {
  const body = facts({
    entries: items.count,
    'SHA-256 of the entries': code(items.sha256),
    'JSON report': json
      ? html`${json.name}, SHA-256 before its last line ${code(json.sha256)}`
      : 'none was made',
  });
  const text =
    'The JSON report has one entry for each row that was changed, would be changed, or failed. The SHA-256 is of each entry as it is there, with a line feed after it.';
  return { id: 'items', title: 'Items', body: [paragraph(text), body] };
}
