/** Encrypts the World Factbook, reads it back from a second process, and tries to cheat. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isFieldEncryptionError, type Envelope } from '@bytelyst/field-encrypt';
import { factbookNotes } from './factbook-notes.js';
import { fingerprint, openNotebook, type Notebook } from './notebook.js';
import { note, type EncryptedNote, type Note } from './note.js';

const WORKERS = 16;
const SHOWN = { workspaceId: 'europe', id: 'au/Introduction' };

interface ReadBack {
  readonly pid: number;
  readonly read: number;
  readonly fingerprint: string;
}

Object.assign(process.env, {
  FIELD_ENCRYPT_ENABLED: 'true',
  FIELD_ENCRYPT_PRODUCT: 'notelett-demo',
  FIELD_ENCRYPT_KEY_PROVIDER: 'env',
  FIELD_ENCRYPT_KEY: randomBytes(32).toString('base64'),
});

const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-demo-'));
process.once('SIGINT', () => process.exit(130));
process.once('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});
await demonstrate(join(folder, 'notes.sqlite'));

async function demonstrate(file: string): Promise<void> {
  const plain = factbookNotes();
  console.log(`1. Encrypting ${String(plain.length)} notes, each under a key of its own …`);
  const notebook = await openNotebook(file);
  await storeAll(notebook, plain);

  console.log('\n2. One note, at rest and in clear:');
  const atRest = await showOne(notebook);

  console.log('\n3. Reading everything back from a second process …');
  const readBack = await readFromSecondProcess(file);

  console.log('\n4. Cheating:');
  const refusals = await cheat(notebook, atRest);
  const deks = await notebook.encryptor.dekStore.count({ product: notebook.encryptor.product });
  notebook.close();

  const texts = samples(plain);
  summarise([
    [`${String(deks)} keys for ${String(plain.length)} notes`, deks === plain.length],
    [
      `none of ${String(texts.length)} passages of the book is in the file`,
      texts.length > 0 && found(folder, texts).length === 0,
    ],
    [
      `process ${String(readBack.pid)} read ${String(readBack.read)} notes, every value as it was`,
      readBack.pid !== process.pid && readBack.fingerprint === fingerprint(plain),
    ],
    ...refusals,
  ]);
}

async function storeAll({ encryptor, notes }: Notebook, plain: readonly Note[]): Promise<void> {
  const queue = plain.values();
  const work = async (): Promise<void> => {
    for (const each of queue) await notes.create(await encryptor.encryptDocument(note, each));
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
}

async function showOne({ encryptor, notes }: Notebook): Promise<EncryptedNote> {
  const atRest = (await notes.get(SHOWN))?.document;
  if (!atRest) throw new Error(`The note ${SHOWN.id} is not in the book`);
  const inClear = await encryptor.decryptDocument(note, atRest, { expect: SHOWN });
  console.log(cut(JSON.stringify(atRest, null, 2), 30));
  console.log(cut(JSON.stringify(inClear, null, 2), 30));
  return atRest;
}

async function readFromSecondProcess(file: string): Promise<ReadBack> {
  const script = fileURLToPath(new URL('read-all.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', script, file]);
  process.stdout.write(`   ${stdout}`);
  return JSON.parse(stdout) as ReadBack;
}

type Claim = readonly [claim: string, holds: boolean];

async function cheat({ encryptor, notes }: Notebook, atRest: EncryptedNote): Promise<Claim[]> {
  const other = (await notes.get({ ...SHOWN, id: 'gm/Introduction' }))?.document;
  if (!other) throw new Error('The other note is not in the book');
  const attempts: [string, EncryptedNote][] = [
    ['a ciphertext of another note', { ...atRest, title: other.title }],
    ['a ciphertext of another field', { ...atRest, title: atRest.meta.source }],
    ['a whole note under another key', { ...atRest, workspaceId: 'oceans' }],
    ['a ciphertext with one character changed', { ...atRest, title: altered(atRest.title) }],
    ['plaintext in place of a ciphertext', { ...atRest, title: 'Austria' as unknown as Envelope }],
  ];
  const claims: Claim[] = [];
  for (const [what, forged] of attempts) {
    const code = await encryptor.decryptDocument(note, forged).then(() => undefined, codeOf);
    console.log(`   ${what}: ${code ?? 'ACCEPTED'}`);
    const expected = what.startsWith('plaintext') ? 'PLAINTEXT_REFUSED' : 'TAMPERED';
    claims.push([`${what} is refused`, code === expected]);
  }
  return claims;
}

function altered(envelope: Envelope): Envelope {
  const { ct } = envelope;
  const at = Math.floor(ct.length / 2);
  return { ...envelope, ct: ct.slice(0, at) + (ct[at] === 'A' ? 'B' : 'A') + ct.slice(at + 1) };
}

function codeOf(error: unknown): string {
  return isFieldEncryptionError(error) ? error.code : String(error);
}

/** Forty characters from each of many notes: enough to find them, were they there. */
function samples(plain: readonly Note[]): string[] {
  const texts = plain.filter((_note, index) => index % 10 === 0).map(({ body }) => longText(body));
  return texts.filter((text) => text !== undefined).map((text) => text.slice(0, 40));
}

function longText(value: unknown): string | undefined {
  if (typeof value === 'string') return value.length >= 40 ? value : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.values(value)
    .map(longText)
    .find((text) => text !== undefined);
}

function found(directory: string, texts: readonly string[]): string[] {
  const files = readdirSync(directory).map((name) => readFileSync(join(directory, name)));
  return texts.filter((text) => files.some((file) => file.includes(text)));
}

function cut(text: string, lines: number): string {
  const all = text.split('\n').map((line) => (line.length > 96 ? `${line.slice(0, 95)}…` : line));
  return [...all.slice(0, lines), ...(all.length > lines ? ['…'] : [])].join('\n');
}

function summarise(claims: readonly Claim[]): void {
  console.log('\nSummary');
  for (const [claim, holds] of claims) console.log(`  ${holds ? '✓' : '✗ NOT SO:'} ${claim}`);
  if (claims.every(([, holds]) => holds)) return;
  console.error('\nSomething that this demo claims is not so.');
  process.exitCode = 1;
}
