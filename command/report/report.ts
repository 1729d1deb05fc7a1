/** The report of a mode: takes evidence before, while and after the mode runs, and writes the files. @module */
import { randomUUID } from 'node:crypto';
import { type Clock, takeCensus } from '@bytelyst/field-encrypt';
import { auditActor } from '@bytelyst/field-encrypt/audit';
import { commandText, withoutDocumentKeys } from '../command-line/command-text.js';
import type { ReadFlags } from '../command-line/flag-values.js';
import type { LoadedConfig } from '../config/config-file.js';
import type { OpenProduct } from '../config/open-product.js';
import { reportSecretsOf } from '../config/report-secrets.js';
import { DocumentCounter } from './document-counter.js';
import { DocumentDigests } from './document-digests.js';
import { evidenceFindings } from './evidence-findings.js';
import type { CensusMoment, Evidence } from './evidence-schema.js';
import { readAssets } from './html/assets.js';
import { type ReportContent, writeHtmlReport } from './html/html-report.js';
import { ItemCount, JsonReport } from './json-report.js';
import type { Finding, ModeReport } from './mode-report.js';
import type { VaultFigures } from './progress.js';
import type { ReportFile } from './report-files.js';
import type { Sealing } from './report-seal.js';
import { reportedJson, reportedText } from './reported-json.js';
import { estimateOf } from './row-estimate.js';
import { RunRecord } from './run-record.js';
import type { View } from './view.js';

export interface ReportSettings {
  readonly mode: string;
  readonly flags: ReadFlags;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly vault: () => VaultFigures;
  /** What the mode may write: where it writes rows, they are counted before and after. */
  readonly writes: { readonly rows: boolean; readonly documents: boolean };
}

/** What the report has beside the result. */
export interface Gathered {
  readonly evidence: Evidence;
  readonly findings: readonly Finding[];
}

/** What the terminal shows of the outcome of a mode, and what a report has in its place. */
export interface Shown {
  readonly views?: readonly View[];
  readonly reportedResult?: unknown;
}

export class Report {
  readonly #settings: ReportSettings;
  readonly #files: readonly ReportFile[];
  readonly #json: JsonReport | undefined;
  readonly #id = `report_${randomUUID()}`;
  readonly #startedMs: number;
  readonly #items = new ItemCount();
  readonly #documents = new DocumentCounter();
  readonly #digests: DocumentDigests;
  readonly #unseen: { readonly what: string; readonly why: string }[] = [];
  #secrets: readonly string[] = [];
  #isRefused = false;
  #product: OpenProduct | undefined;
  #before: CensusMoment | undefined;
  #estimate: Evidence['estimate'];
  /** What the runs of the mode tell. */
  readonly record: RunRecord;

  constructor(files: readonly ReportFile[], settings: ReportSettings) {
    const { clock, signal, vault, writes } = settings;
    this.#settings = settings;
    this.#files = files;
    this.#startedMs = clock.monotonicMs();
    const json = files.find(({ format }) => format === 'json');
    this.#json = json && new JsonReport(json.file);
    const documentKeys = this.#documentKeys;
    this.record = new RunRecord({
      documentKeys,
      onlyFailures: !writes.rows && !writes.documents,
      elapsedMs: () => clock.monotonicMs() - this.#startedMs,
      vault,
      onItem: (item) => {
        const text = this.#items.add(item);
        this.#json?.item(text);
      },
    });
    this.#digests = new DocumentDigests({ clock, signal, documentKeys, why: reportedText });
  }

  /** For each document store that the mode opens. */
  get wrapDocuments(): DocumentCounter['counted'] {
    return (store) => this.#documents.counted(store);
  }

  /** @throws UsageError where secrets are configured, and cannot be used: nothing was done. */
  sign(config: LoadedConfig): void {
    try {
      this.#secrets = reportSecretsOf(config);
    } catch (error) {
      this.#isRefused = true;
      this.discard();
      throw error;
    }
  }

  /** Looks at the product before the mode does; what cannot be seen ends nothing. */
  async before(product: OpenProduct): Promise<void> {
    this.#product = product;
    const { rows, documents } = this.#settings.writes;
    if (!rows) return;
    this.#before = await this.#census(product, 'The census before');
    this.#estimate = this.#before && (await this.#estimated(product, this.#before));
    if (!documents) await this.#documents.uncounted(() => this.#digests.before(product));
  }

  /** Looks again. @param isOver - Whether the mode came to its end: otherwise no scan is waited for. */
  async after(isOver: boolean, durationMs: number): Promise<Gathered> {
    const { writes, flags, mode } = this.#settings;
    const product = this.#product;
    const isSeen = isOver && product !== undefined && writes.rows;
    const after = isSeen ? await this.#census(product, 'The census after') : undefined;
    const compared =
      isSeen && !writes.documents
        ? await this.#documents.uncounted(() => this.#digests.after())
        : undefined;
    if (!isOver && writes.rows) {
      this.#unseen.push({ what: 'The state after', why: 'the mode did not come to its end' });
    }
    const documents = product && this.#documents.counts;
    const seen = { mode, writes, before: this.#before, after, documents };
    const evidence: Evidence = {
      id: this.#id,
      who: auditActor(this.#settings.env, flags.values.user),
      node: process.version,
      command: commandText(mode, this.#documentKeys ? flags.raw : withoutDocumentKeys(flags.raw)),
      ...(this.#before && { before: this.#before }),
      ...(after && { after }),
      throughput: this.record.throughput(),
      failures: this.record.failures(),
      ...(this.#estimate && { estimate: this.#estimate }),
      took: this.record.took(durationMs),
      ...(documents && { documents }),
      ...(compared && { digests: [...compared.digests] }),
      items: this.#items.total,
      unseen: [...this.#unseen, ...this.#digests.unseen],
    };
    return { evidence, findings: [...evidenceFindings(seen), ...(compared?.findings ?? [])] };
  }

  /** @throws What the first file that cannot be written is refused with; the others are written. */
  write(report: ModeReport, { evidence }: Gathered, shown: Shown): void {
    if (this.#isRefused) return;
    const { clock } = this.#settings;
    const sealing = { id: this.#id, wallMs: clock.wallMs(), secrets: this.#secrets };
    const { reportedResult, views = [] } = shown;
    const result = reportedResult ?? report.result;
    const whole = { ...report, result, evidence };
    const errors: unknown[] = [];
    let json: ReportContent['json'];
    try {
      const sha256 = this.#json?.finish(reportedJson(whole, this.#documentKeys, 2), sealing);
      const { name = '' } = this.#files.find(({ format }) => format === 'json') ?? {};
      json = sha256 === undefined ? undefined : { name, sha256 };
    } catch (error) {
      errors.push(error);
    }
    try {
      const ofFile = reportedResult === undefined ? views : [];
      this.#writeHtml({ report: { ...report, result }, evidence, views: ofFile, json }, sealing);
    } catch (error) {
      errors.push(error);
    }
    this.leave();
    if (errors.length > 0) throw errors[0] as Error;
  }

  /** Keeps what is in the files although it is not whole; those without anything in them are removed. */
  leave(): void {
    this.#json?.leave();
    this.discard();
  }

  /** Removes files that are not written. */
  discard(): void {
    for (const { file } of this.#files) file.discard();
  }

  #writeHtml(content: ReportContent, sealing: Sealing): void {
    const html = this.#files.find(({ format }) => format === 'html');
    if (html) writeHtmlReport(html.file, content, { assets: readAssets(), sealing });
  }

  get #documentKeys(): boolean {
    return this.#settings.flags.values['document-keys'] ?? false;
  }

  async #census(product: OpenProduct, what: string): Promise<CensusMoment | undefined> {
    const { clock, signal } = this.#settings;
    const takenAt = new Date(clock.wallMs()).toISOString();
    try {
      const census = await takeCensus(await product.search(), { signal, allowEmpty: true });
      const plain = JSON.parse(reportedJson(census, this.#documentKeys)) as CensusMoment['census'];
      return { takenAt, census: plain, belowEpoch: belowEpoch(plain) };
    } catch (error) {
      this.#unseen.push({ what, why: reportedText(error) });
      return undefined;
    }
  }

  async #estimated(product: OpenProduct, { census }: CensusMoment): Promise<Evidence['estimate']> {
    const { mode, flags } = this.#settings;
    try {
      const providers = (await product.providers()).map(({ provider }) => provider);
      return estimateOf({ mode, flags: flags.values, census, providers });
    } catch {
      // The mode itself is refused with it.
      return undefined;
    }
  }
}

/** Epochs that the census does not list are older than those that it does. */
function belowEpoch({ rotation, epochs, otherEpochs = 0 }: CensusMoment['census']): number {
  const below = epochs.filter(({ epoch }) => rotation && epoch < rotation.epoch);
  return below.reduce((sum, { rows }) => sum + rows, otherEpochs);
}
