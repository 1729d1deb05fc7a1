import { ok } from 'node:assert/strict';
import type { StoredDocumentItem } from '../../../src/adapters.js';
import { requireFreshRow } from '../document-checks.js';
import { changed, FIELDS, keyOf, valueOf, type SimDocument } from '../ledger.js';
import type { Actor, Life } from '../simulation.js';
import { begun, IDS } from './writer.js';

type Item = StoredDocumentItem<SimDocument>;

/** Writes by `beginWrite` and `openDocument`, as those do who have no `DocumentStore` to give away. */
export function carefulWriter(name: string, rounds: number): Actor {
  let left = rounds;
  const act = async (life: Life): Promise<void> => {
    const { sim } = life;
    for (; left > 0; left -= 1) {
      await sim.pause(life, 0, 900);
      const id = sim.random.pick(IDS);
      await attempt(life, () => (sim.random.chance(0.6) ? writeOnce(life, id) : sealOne(life, id)));
    }
  };
  return { name, role: 'careful writer', act };
}

async function attempt(life: Life, work: () => Promise<void>): Promise<void> {
  const { sim, process } = life;
  const since = sim.explanations.since(process);
  process.toConfirm.clear();
  process.lateRows.clear();
  try {
    await work();
  } catch (error) {
    sim.explanations.require(process, error, since);
  }
  process.operation = undefined;
}

/** One attempt: a lost race is left to the next round. */
async function writeOnce(life: Life, id: string): Promise<void> {
  const { sim, process, encryptor, documents } = life;
  const operation = begun(life, id);
  const item = await documents.get(keyOf(id)).catch(() => undefined);
  if (!item) return;
  const next = changed(item.document, operation);
  let write = await encryptor.beginWrite(sim.definition, next as never);
  requireFreshRow(process, write.document[operation.field].dekId, sim.timeline.nowMs);
  await sim.pause(life, 0, 2_500);
  let landed = await replace(life, write.document, item);
  while (landed && !(await write.confirm())) {
    const stored = await documents.get(keyOf(id)).catch(() => undefined);
    const again = stored && (await write.sealAgain(stored.document));
    if (!stored || !again) return;
    write = again;
    landed = await replace(life, write.document, stored);
  }
  if (landed) ok(operation.hasLanded, `I1: a change of ${id} was acknowledged, and never made`);
}

async function replace({ documents }: Life, next: SimDocument, { etag }: Item): Promise<boolean> {
  return documents.replace(next, etag).then(
    () => true,
    () => false,
  );
}

/** By a cipher that is held for a while: it seals by a fresh row only, and says so otherwise. */
async function sealOne(life: Life, id: string): Promise<void> {
  const { sim, process, encryptor, documents } = life;
  const item = await documents.get(keyOf(id)).catch(() => undefined);
  if (!item) return;
  const cipher = await encryptor.openDocument(sim.definition, keyOf(id), { createDek: true });
  await sim.pause(life, 0, 2_000);
  const field = sim.random.pick(FIELDS);
  const operation = begun(life, id, field);
  const sealed = cipher.seal(field, valueOf(field, operation.rev));
  requireFreshRow(process, sealed.dekId, sim.timeline.nowMs);
  const revs = { ...item.document.revs, [field]: operation.rev };
  await replace(life, { ...item.document, revs, [field]: sealed }, item);
}
