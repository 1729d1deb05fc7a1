import { ok } from 'node:assert/strict';
import {
  changed,
  envelopesIn,
  FIELDS,
  keyOf,
  type DocumentOperation,
  type Field,
  type SimDocument,
} from '../ledger.js';
import type { Actor, Life } from '../simulation.js';

/** Documents that writers fight over; some are there from the beginning. */
export const IDS = ['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6'];

/** Changes documents, or makes them, one change after the other. */
export function writer(name: string, rounds: number): Actor {
  let left = rounds;
  let id = '';
  const act = async (life: Life): Promise<void> => {
    const { sim } = life;
    for (; left > 0; left -= 1) {
      // A person who types writes the same document repeatedly.
      const isAgain = id !== '' && sim.random.chance(0.5);
      if (!isAgain) id = sim.random.pick(IDS);
      await sim.pause(life, 0, isAgain ? 150 : 600);
      await write(life, id);
    }
  };
  return { name, role: 'writer', act };
}

export async function write(life: Life, id: string): Promise<void> {
  const { sim, process, encryptor, documents } = life;
  const operation = begun(life, id);
  const since = sim.explanations.since(process);
  let looks = 0;
  process.lateRows.clear();
  process.toConfirm.clear();
  try {
    await encryptor.updateDocument(sim.definition, documents as never, keyOf(id), (stored) => {
      looks += 1;
      return changeOnce(stored, operation);
    });
    ok(operation.hasLanded, `I1: a change of ${id} was acknowledged, and never made`);
    requireKeptUp(life);
    requireConfirmed(life, id);
    sim.tally.add('changes that were acknowledged', true);
  } catch (error) {
    sim.explanations.require(process, error, since);
  }
  sim.tally.add('changes that were made again after a lost race', looks > 1);
  process.operation = undefined;
}

/** I19: what stands is not asked for again, where the library can tell. */
function changeOnce(stored: SimDocument | undefined, operation: DocumentOperation): SimDocument {
  const { id, ciphertexts } = operation;
  const isKnown = stored && envelopesIn(stored).some(([, { ct }]) => ciphertexts.has(ct));
  ok(!isKnown, `I19: a change of ${id} that stands is made again`);
  return changed(stored, operation);
}

/** A change that the process is about from here on. */
export function begun(
  { sim, process }: Life,
  id: string,
  field: Field = sim.random.pick(FIELDS),
): DocumentOperation {
  const operation = {
    rev: sim.nextRev(),
    id,
    field,
    hasLanded: false,
    wasRepeated: false,
    ciphertexts: new Set<string>(),
  };
  process.operation = operation;
  return operation;
}

/** I11: the creator of a late row has handled it, before any process relies on it. */
function requireKeptUp({ sim, process }: Life): void {
  for (const [dekId, atMs] of process.lateRows) {
    sim.tally.add('rows that were made late', true);
    const hasLooked = process.recordReadAtMs >= atMs;
    ok(hasLooked, `I11: ${process.name} made ${dekId} too late, and did not look at the record`);
    const row = sim.dekStore.row(dekId);
    if (!row || row.state === 'shredded') continue;
    const epoch = sim.rows.epochKnownAt(atMs);
    ok(row.epoch >= epoch, `I11: ${process.name} left ${dekId} behind, made too late`);
  }
}

/** I5: what landed late was not acknowledged before its row was read once more. */
function requireConfirmed({ sim, process }: Life, id: string): void {
  const stored = sim.documents.find(id);
  for (const [ct, { dekId, atMs }] of process.toConfirm) {
    sim.tally.add('writes that landed late', true);
    const isStored =
      stored && envelopesIn(stored.document).some(([, envelope]) => envelope.ct === ct);
    const lookedAtMs = process.sawActiveAtMs.get(dekId) ?? -Infinity;
    ok(!isStored || lookedAtMs >= atMs, `I5: ${process.name} relies on an old row of ${dekId}`);
  }
}

/** A process from before the encryption: what it writes is plaintext. */
export function oldWriter(name: string, rounds: number): Actor {
  let left = rounds;
  const act = async (life: Life): Promise<void> => {
    const { sim } = life;
    for (; left > 0; left -= 1) {
      await sim.pause(life, 100, 1_500);
      await writePlain(life, sim.random.pick(IDS));
    }
  };
  return { name, role: 'old writer', act };
}

export async function writePlain(life: Life, id: string): Promise<void> {
  const { sim, process, documents } = life;
  const operation = begun(life, id);
  try {
    const item = await documents.get(keyOf(id));
    const next = changed(item?.document, operation);
    if (item) await documents.replace(next, item.etag);
    else await documents.create(next);
    sim.tally.add('plaintext that was written', true);
  } catch {
    // Of the store, and not of the library: it just has not written.
  }
  process.operation = undefined;
}
