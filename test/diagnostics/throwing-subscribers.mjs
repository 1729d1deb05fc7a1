/** A child process in which every subscriber throws; prints the outcomes of its calls anyway. @module */
import { randomBytes } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import { setImmediate } from 'node:timers/promises';
import {
  createFieldEncryptor,
  defineDocument,
  diagnosticsChannels,
  EnvKeyProvider,
  rewrapAllDeks,
} from '@bytelyst/field-encrypt';
import { MemoryDekStore } from '@bytelyst/field-encrypt/testing';

const reported = new Map();
process.on('uncaughtException', ({ message }) => {
  reported.set(message, (reported.get(message) ?? 0) + 1);
});
for (const name of Object.values(diagnosticsChannels)) {
  const phases = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];
  for (const each of [name, ...phases.map((phase) => `tracing:${name}:${phase}`)]) {
    subscribe(each, () => {
      throw new Error(each);
    });
  }
}

const [key, newKey] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
const parts = { product: 'notelett', dekStore: new MemoryDekStore(), fenceTtlMs: 1_000 };
const note = defineDocument()({ collection: 'notes', key: ['id'], fields: ['body'] });
const encryptorOf = (provider) =>
  createFieldEncryptor({ ...parts, keyProviders: [provider], mode: 'migrate' });

const before = encryptorOf(new EnvKeyProvider({ key }));
const stored = await before.encryptDocument(note, { id: '1', body: 'Hello' });
const provider = new EnvKeyProvider({ key: newKey, previousKeys: [key] });
const encryptor = encryptorOf(provider);
const target = { mekVersion: await provider.currentVersion() };
const types = [];
for await (const { type } of rewrapAllDeks(encryptor, { target })) types.push(type);
const { body } = await encryptor.decryptDocument(note, stored);
await encryptor.decryptDocument(note, { id: '2', body: 'plain' });
const refusal = await before
  .decryptDocument(note, { ...stored, id: '3' })
  .catch(({ code }) => code);
await setImmediate();
console.log(JSON.stringify({ types, body, refusal, reported: Object.fromEntries(reported) }));
