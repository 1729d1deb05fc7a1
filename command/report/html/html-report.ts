/** A report as one HTML file, for people: the facts of the JSON report, rows only counted. @module */
import { formatDuration } from '../../command-line/durations.js';
import type { Evidence } from '../evidence-schema.js';
import type { ModeReport } from '../mode-report.js';
import type { NewFile } from '../new-file.js';
import { Digest, sealLine, sealOf, type Sealing } from '../report-seal.js';
import type { View } from '../view.js';
import type { Assets } from './assets.js';
import { censusSection } from './census-section.js';
import { type Html, html } from './escape.js';
import { pageHtml } from './page.js';
import { code, facts, type Level, mark, paragraph, time } from './parts.js';
import {
  checksSection,
  documentsSection,
  endSections,
  failuresSection,
  itemsSection,
  resultSection,
  tookSection,
} from './sections.js';
import { throughputSection } from './throughput-section.js';

export interface ReportContent {
  readonly report: ModeReport;
  readonly evidence: Evidence;
  readonly views: readonly View[];
  /** The JSON report of the same command, and its digest. */
  readonly json?: { readonly name: string; readonly sha256: string } | undefined;
}

/** @throws UsageError where the file cannot be written. */
export function writeHtmlReport(
  file: NewFile,
  content: ReportContent,
  { assets, sealing }: { readonly assets: Assets; readonly sealing: Sealing },
): void {
  const page = Buffer.from(htmlReport(content, assets, sealing.secrets.length > 0));
  const digest = new Digest();
  digest.add(page);
  file.append(page);
  file.append(Buffer.from(sealLine('html', sealOf(sealing, digest.hex))));
  file.finish();
}

export function htmlReport(content: ReportContent, assets: Assets, isSigned: boolean): string {
  const { report, evidence } = content;
  const throughput = throughputSection(evidence.throughput);
  const hasRuns = evidence.throughput.length > 0;
  const sections = [
    summarySection(content),
    ...endSections(report),
    checksSection(report.findings),
    ...resultSection(content),
    ...((evidence.before ?? evidence.after) ? [censusSection(evidence)] : []),
    ...(hasRuns ? [tookSection(evidence), throughput.section] : []),
    ...(hasRuns ? [failuresSection(evidence)] : []),
    ...documentsSection(evidence),
    itemsSection(content),
  ];
  return pageHtml(
    {
      title: titleOf(report),
      header: headerOf(content),
      sections,
      footer: footerOf(content, isSigned),
      hasChart: throughput.hasChart,
    },
    assets,
  );
}

function titleOf({ mode, product, dryRun }: ModeReport): string {
  const name = product === undefined ? mode : `${mode} of ${product}`;
  return dryRun ? `${name} (dry run)` : name;
}

const OUTCOMES: Readonly<Record<ModeReport['outcome'], readonly [Level, string]>> = {
  done: ['ok', 'Done'],
  failed: ['fail', 'Some items failed, or it ended with an error'],
  usage: ['fail', 'The command or its configuration was wrong: nothing was done'],
  findings: ['fail', 'A check says no'],
  unreachable: ['fail', 'The key service or the store could not be reached'],
  interrupted: ['warn', 'Interrupted: what was in flight was finished'],
};

function headerOf({ report, evidence }: ReportContent): readonly Html[] {
  const [level, text] = OUTCOMES[report.outcome];
  const outcome =
    report.dryRun && report.outcome === 'done' ? 'Dry run: nothing was written' : text;
  const { took, documents } = evidence;
  const hasRuns = evidence.throughput.length > 0;
  return [
    html`<p class="kind">Report of encrypt-migrate</p>
      <h1>${titleOf(report)}</h1>
      <p class="verdict ${level}">
        <strong>${outcome}</strong><span>exit code ${report.exitCode}</span>
      </p> `,
    facts(
      {
        ...(hasRuns && { changed: took.changed, failed: took.failed }),
        ...(documents && { 'documents rewritten': documents.documentsRewritten }),
        ...(hasRuns && { 'vault operations': took.vaultOps, throttled: took.throttled }),
        took: formatDuration(Math.max(report.durationMs, 1)),
      },
      'tiles',
    ),
  ];
}

function summarySection({ report, evidence }: ReportContent) {
  const { who, node, command, id } = evidence;
  const { ci } = who;
  const job = ci && [
    ci.name,
    ci.repository,
    ci.job && `job ${ci.job}`,
    ci.user && `started by ${ci.user}`,
  ];
  const body = facts({
    product: report.product,
    mode: report.mode,
    command: code(command),
    operator: `${who.user} on ${who.host}`,
    'CI job': job?.filter((part) => part !== undefined).join(', '),
    started: time(report.startedAt),
    finished: time(report.finishedAt),
    ...Object.fromEntries(
      Object.entries(report.moments ?? {}).map(([name, at]) => [name, time(at)]),
    ),
    tool: `${report.tool.name} ${report.tool.version}, Node ${node}`,
    report: code(id),
  });
  return { id: 'summary', title: 'Summary', body: [body, ...unseenOf(evidence)] };
}

function unseenOf({ unseen }: Evidence): readonly Html[] {
  if (unseen.length === 0) return [];
  const items = unseen.map(({ what, why }) => html`<li>${mark('unseen')} ${what}: ${why}</li> `);
  return [
    html`<h3>What could not be seen</h3>
      <ul>
        ${items}
      </ul> `,
  ];
}

function footerOf({ evidence: { id } }: ReportContent, isSigned: boolean): readonly Html[] {
  const text = isSigned
    ? 'This file is signed: its last line holds the SHA-256 of all bytes before it, and their signature.'
    : 'This file is not signed: its last line holds the SHA-256 of all bytes before it, which anyone could write.';
  return [
    paragraph(text),
    html`<p>
      To verify it: ${code('encrypt-migrate report verify FILE')}. The report ${code(id)} names
      users and hosts as the system does: a claim, and no proof of an identity.
    </p> `,
  ];
}
