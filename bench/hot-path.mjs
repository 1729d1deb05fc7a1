/** The cases: what the library does with a DEK in memory, and the plain loop that does the same. @module */
import { deepEqual, equal } from 'node:assert/strict';
import * as ceiling from './ceiling.mjs';
import { asciiText, encryptor, note, sampleDocument } from './documents.mjs';
import * as naive from './naive.mjs';

const MANY = 400;
const FIELD = 'field0';

/**
 * @returns Pairs `{ name, measured, against }` of operations on the same data; each pair's outputs
 * were checked against each other.
 */
export async function hotPathPairs() {
  const documents = [];
  for (let index = 0; index < MANY; index += 1) documents.push(await sampleDocument(index));
  return [
    ...(await fieldPairs(documents[0])),
    ...(await documentPairs('10', documents.slice(0, 1))),
    ...(await documentPairs('10Many', documents)),
  ];
}

async function fieldPairs({ plain, sealing }) {
  const text = asciiText(1024);
  const { workspaceId, id } = plain;
  const cipher = await encryptor.openDocument(note, { workspaceId, id });
  const { key } = sealing;
  const { aad } = sealing.fields[0];
  const envelope = cipher.seal(FIELD, text);
  const rawKey = key.export();

  equal(ceiling.open(key, envelope.ct, aad), text);
  equal(ceiling.open(key, naive.seal(rawKey, text, aad), aad), text);
  equal(cipher.open(FIELD, { ...envelope, ct: ceiling.seal(key, text, aad) }), text);

  const sealPlainly = () => ceiling.seal(key, text, aad);
  return [
    { name: 'seal1k', measured: () => cipher.seal(FIELD, text), against: sealPlainly },
    {
      name: 'open1k',
      measured: () => cipher.open(FIELD, envelope),
      against: () => ceiling.open(key, envelope.ct, aad),
    },
    { name: 'naive1k', measured: () => naive.seal(rawKey, text, aad), against: sealPlainly },
  ];
}

async function documentPairs(name, documents) {
  for (const document of documents) await requireSame(document);
  return [
    {
      name: `sealDoc${name}`,
      measured: rotating(documents, ({ plain }) => seal(plain)),
      against: rotating(documents, ({ plain, sealing }) => ceiling.sealDocument(sealing, plain)),
    },
    {
      name: `openDoc${name}`,
      measured: rotating(documents, ({ stored }) => open(stored)),
      against: rotating(documents, ({ stored, sealing }) => ceiling.openDocument(sealing, stored)),
    },
  ];
}

async function requireSame({ plain, stored, sealing }) {
  deepEqual(ceiling.openDocument(sealing, stored), plain);
  deepEqual(ceiling.openDocument(sealing, await seal(plain)), plain);
  deepEqual(await open(ceiling.sealDocument(sealing, plain)), plain);
}

async function seal(plain) {
  return JSON.stringify(await encryptor.encryptDocument(note, plain));
}

function open(stored) {
  return encryptor.decryptDocument(note, JSON.parse(stored));
}

function rotating(documents, operation) {
  let next = 0;
  return () => operation(documents[next++ % documents.length]);
}
