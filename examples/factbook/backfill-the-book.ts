import {
  backfillDocuments,
  countPlaintext,
  type MigrationSummary,
  type PlaintextCount,
} from '@bytelyst/field-encrypt';
import type { Claim } from './claims.js';
import { codeOf } from './forgeries.js';
import { note } from './note.js';
import { openNotebook, type Notebook } from './notebook.js';
import { ProgressDisplay } from './progress-display.js';
import type { Stage } from './stage.js';

export interface Backfill {
  readonly claims: readonly Claim[];
  readonly summary: MigrationSummary;
}

/** The second act: encrypts what is stored, and shuts the gate behind it. */
export async function backfillTheBook(stage: Stage): Promise<Backfill> {
  const { setting, say } = stage;
  say('\n2. Encrypting them where they are, each under a key of its own …');
  const refusal = await startStrict(stage);
  say(`   A process in mode strict that wants all encrypted does not start: ${String(refusal)}`);
  const migrating = { ...setting.oldKeyAlone, FIELD_ENCRYPT_MODE: 'migrate' };
  const notebook = await openNotebook(setting.place, migrating);
  const summary = await backfill(notebook, stage);
  const left = await countPlaintext(note, notebook.notes);
  const { dekStore, product } = notebook.encryptor;
  const deks = await dekStore.count({ product });
  notebook.close();
  await setting.eraseWhatWasReplaced();
  const claims = [finishedClaim(summary, left, deks), gateClaim(refusal, await startStrict(stage))];
  return { claims, summary };
}

async function backfill({ encryptor, notes }: Notebook, stage: Stage): Promise<MigrationSummary> {
  const display = new ProgressDisplay(stage);
  try {
    // Nothing of the product is encrypted before it.
    for await (const event of backfillDocuments(encryptor, note, notes, { allowEmpty: true })) {
      display.show(event);
      if (event.type === 'finished') return event.summary;
    }
  } finally {
    display.close();
  }
  throw new Error('The backfill ended without a summary');
}

/** @returns An error code, or undefined where it starts. */
async function startStrict({ setting }: Stage): Promise<string | undefined> {
  const strict = { ...setting.oldKeyAlone, FIELD_ENCRYPT_REQUIRE_BACKFILLED: 'true' };
  try {
    const { close } = await openNotebook(setting.place, strict);
    close();
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

function finishedClaim(
  { complete, changed }: MigrationSummary,
  { fields, scanned }: PlaintextCount,
  deks: number,
): Claim {
  const counts = `${n(changed)} notes, ${n(deks)} keys, ${n(fields)} values left in clear`;
  const holds = complete && scanned > 0 && changed === scanned && deks === scanned;
  return [`the backfill is complete: ${counts}`, holds && fields === 0];
}

function gateClaim(before: string | undefined, after: string | undefined): Claim {
  const claim = `strict starts only after it: ${before ?? 'NOT REFUSED'} before, ${after ?? 'started'} after`;
  return [claim, before === 'BACKFILL_UNFINISHED' && after === undefined];
}

function n(count: number): string {
  return count.toLocaleString('en');
}
