import { equal, ok } from 'node:assert/strict';
import type { StoredDocumentItem } from '../../../src/adapters.js';
import type { EncryptionMode } from '../../../src/encryptor/field-encryptor-options.js';
import {
  envelopesIn,
  FIELDS,
  isSealed,
  keyOf,
  valueOf,
  type Field,
  type SimDocument,
} from '../ledger.js';
import { nameOf } from '../../support/rotation/meks.js';
import { codeOf, type Since } from '../explanations.js';
import type { SimProcess } from '../sim-process.js';
import type { Actor, Life, Simulation } from '../simulation.js';
import { IDS } from './writer.js';

/** Reads documents, one or many at once, through a cache. */
export function reader(name: string, mode: EncryptionMode, rounds: number): Actor {
  let left = rounds;
  const act = async (life: Life): Promise<void> => {
    const { sim, options } = life;
    const encryptor = sim.library.createFieldEncryptor({
      ...options,
      mode,
      onPlaintextRead: (read) => {
        sim.secrecy.hears(read);
      },
    });
    const reading = { ...life, encryptor };
    for (; left > 0; left -= 1) {
      await sim.pause(life, 0, 500);
      life.process.refused.clear();
      life.process.readAgain.clear();
      if (sim.random.chance(0.3)) await readPage(reading, mode);
      else await readOne(reading, mode, sim.random.pick(IDS));
    }
  };
  return { name, role: 'reader', act };
}

/** Twice at once, as two requests do. */
async function readOne(life: Life, mode: EncryptionMode, id: string): Promise<void> {
  const { documents } = life;
  const item = await documents.get(keyOf(id)).catch(() => undefined);
  if (!item) return;
  await Promise.all([decrypt(life, mode, item), decrypt(life, mode, item)]);
}

export async function decrypt(
  life: Life,
  mode: EncryptionMode,
  item: StoredDocumentItem<SimDocument>,
): Promise<void> {
  const { sim, process, encryptor } = life;
  const since = sim.explanations.since(process);
  try {
    const plain = await encryptor.decryptDocument(sim.definition, item.document as never);
    requireRead(life, mode, item.document, plain, since.atMs);
  } catch (error) {
    requireRefusal(life, mode, item, error, since);
  }
}

async function readPage(life: Life, mode: EncryptionMode): Promise<void> {
  const { sim, process, encryptor, documents } = life;
  const page = await documents.list().catch(() => undefined);
  if (!page) return;
  const since = sim.explanations.since(process);
  const stored = page.items.map(({ document }) => document);
  const outcomes = await encryptor.decryptDocuments(sim.definition, stored as never[]);
  for (const [index, outcome] of outcomes.entries()) {
    const item = page.items[index] as StoredDocumentItem<SimDocument>;
    if (outcome.ok) {
      const plain = outcome.document as unknown as SimDocument;
      requireRead(life, mode, item.document, plain, since.atMs);
    } else requireRefusal(life, mode, item, outcome.error, since);
  }
}

/** I1, I16 and I18: it is what was written, and this process may still know it. */
export function requireRead(
  { sim, process }: Life,
  mode: EncryptionMode,
  stored: SimDocument,
  plain: SimDocument,
  askedAtMs: number,
): void {
  sim.tally.add('documents that were read', true);
  for (const field of FIELDS) {
    const expected = valueOf(field, stored.revs[field]);
    equal(plain[field], expected, `I1: ${stored.id} was read as it was never written`);
    requireSealed(mode, stored, field);
  }
  for (const [, { dekId }] of envelopesIn(stored)) {
    const ageMs = askedAtMs - (process.hadDekAtMs.get(dekId) ?? -Infinity);
    ok(ageMs < sim.weather.cacheTtlMs, `I16: ${process.name} keeps ${dekId} for too long`);
  }
}

function requireSealed(mode: EncryptionMode, stored: SimDocument, field: Field): void {
  ok(mode === 'migrate' || isSealed(stored[field]), `I18: plaintext of ${stored.id} was passed`);
}

function requireRefusal(
  { sim, process }: Life,
  mode: EncryptionMode,
  { document, etag }: StoredDocumentItem<SimDocument>,
  error: unknown,
  since: Since,
): void {
  if (codeOf(error) === 'PLAINTEXT_REFUSED') {
    const isPlain = FIELDS.some((field) => !isSealed(document[field]));
    ok(mode === 'strict' && isPlain, `I18: ${document.id} was refused, and is sealed`);
    sim.tally.add('plaintext that was refused', true);
    return;
  }
  const code = sim.explanations.require(process, error, since);
  if (code.startsWith('MEK_')) {
    requireReadAgain(process, document);
    requireInTrouble(sim, document, since.atMs);
  }
  if (code !== 'DEK_SHREDDED') return;
  const isReplaced = sim.documents.find(document.id)?.etag !== etag;
  const isErased = envelopesIn(document).some(([, { dekId }]) => sim.erased.has(dekId));
  ok(isReplaced || isErased, `I1: ${document.id} cannot be read any more`);
}

/** I12: another process may have rewrapped it, so that its row is read once more. */
function requireReadAgain({ name, readAgain }: SimProcess, document: SimDocument): void {
  const hasLooked = envelopesIn(document).some(([, { dekId }]) => readAgain.has(dekId));
  ok(hasLooked, `I12: ${name} gave up on ${document.id} without another look at the row`);
}

/** I12: a DEK that was rewrapped long ago does not need the version that is off. */
function requireInTrouble(
  { dekStore, vault, weather }: Simulation,
  document: SimDocument,
  sinceMs: number,
): void {
  const isInTrouble = envelopesIn(document).some(([, { dekId }]) => {
    const row = dekStore.row(dekId);
    if (!row || row.state === 'shredded') return true;
    const isMoving = dekStore.changedAtMs(dekId) >= sinceMs - weather.lagMs;
    return isMoving || vault.wasDisturbedSince(sinceMs, [nameOf(row)]);
  });
  ok(isInTrouble, `I12: ${document.id} was not read, and its DEK is under a version that is on`);
}
