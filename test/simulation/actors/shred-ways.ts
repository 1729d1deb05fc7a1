import type { FieldEncryptor } from '../../../src/index.js';
import {
  changed,
  envelopesIn,
  FIELDS,
  keyOf,
  valueOf,
  type Field,
  type SimDocument,
} from '../ledger.js';
import type { Life } from '../simulation.js';

/** A document that a process shreds, and what else the process does with it. */
export interface ShredTarget {
  readonly life: Life;
  readonly id: string;
  /** As it was stored before, with both fields sealed; `undefined` where its scope had no active DEK. */
  readonly copy: SimDocument | undefined;
}

/** @returns The DEKs that it has sealed under, opened with or confirmed by its end. */
export type Way = (target: ShredTarget, encryptor: FieldEncryptor) => Promise<readonly string[]>;

export const update: Way = async ({ life, id }, encryptor) => {
  const { sim, documents } = life;
  const change = { rev: sim.nextRev(), id, field: pickField(life) };
  const item = await encryptor.updateDocument(
    sim.definition,
    documents as never,
    keyOf(id),
    (before: SimDocument | undefined) => changed(before, change) as never,
  );
  return item ? dekIdsIn(item.document) : [];
};

const encrypt: Way = async (target, encryptor) =>
  dekIdsIn(await encryptor.encryptDocument(target.life.sim.definition, plainOf(target)));

const confirm: Way = async (target, encryptor) => {
  const { sim } = target.life;
  const write = await encryptor.beginWrite(sim.definition, plainOf(target) as never);
  await sim.pause(target.life, 0, 900);
  return (await write.confirm()) ? dekIdsIn(write.document) : [];
};

const sealByCipher: Way = async ({ life, id }, encryptor) => {
  const { sim } = life;
  const options = { createDek: true };
  const cipher = await encryptor.openDocument(sim.definition, keyOf(id), options);
  await sim.pause(life, 0, 600);
  return [cipher.seal('title', valueOf('title', sim.nextRev())).dekId];
};

const confirmByCipher: Way = async ({ life, id }, encryptor) => {
  const { sim } = life;
  const options = { createDek: true };
  const cipher = await encryptor.openDocument(sim.definition, keyOf(id), options);
  const { dekId } = cipher.seal('title', valueOf('title', sim.nextRev()));
  await sim.pause(life, 0, 900);
  return (await cipher.confirmWrite()) ? [dekId] : [];
};

/** It has to open the envelope that it keeps. */
const encryptChange: Way = async ({ life, copy }, encryptor) => {
  if (!copy) return [];
  const field = pickField(life);
  const next = { ...copy, [field]: valueOf(field, copy.revs[field]) };
  return dekIdsIn(await encryptor.encryptDocument(life.sim.definition, next as never));
};

const openByCipher: Way = async ({ life, id, copy }, encryptor) => {
  if (!copy) return [];
  const { sim } = life;
  const cipher = await encryptor.openDocument(sim.definition, keyOf(id));
  await sim.pause(life, 0, 400);
  cipher.open('title', copy.title);
  return dekIdsIn({ ...copy, body: '' });
};

const decrypt: Way = async ({ life, copy }, encryptor) => {
  if (!copy) return [];
  await encryptor.decryptDocument(life.sim.definition, copy as never);
  return dekIdsIn(copy);
};

const decryptMany: Way = async ({ life, copy }, encryptor) => {
  if (!copy) return [];
  const outcomes = await encryptor.decryptDocuments(life.sim.definition, [copy as never]);
  const [outcome] = outcomes;
  if (outcome?.ok === false) throw outcome.error;
  return dekIdsIn(copy);
};

const SEALING: readonly Way[] = [update, encrypt, confirm, sealByCipher, confirmByCipher];
const OF_COPIES: readonly Way[] = [encryptChange, openByCipher, decrypt, decryptMany];

export function waysOf({ copy }: Pick<ShredTarget, 'copy'>): readonly Way[] {
  return copy ? [...SEALING, ...OF_COPIES] : SEALING;
}

function pickField({ sim }: Life): Field {
  return sim.random.pick(FIELDS);
}

function plainOf({ id, life: { sim } }: ShredTarget): SimDocument {
  const rev = sim.nextRev();
  const revs = { title: rev, body: rev };
  return { ...keyOf(id), revs, title: valueOf('title', rev), body: valueOf('body', rev) };
}

function dekIdsIn(document: Pick<SimDocument, Field>): readonly string[] {
  return envelopesIn(document).map(([, { dekId }]) => dekId);
}
