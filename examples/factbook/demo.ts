/** Encrypts the World Factbook, then rotates the master key while another process reads and writes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { printClaims, rotationClaims, secrecyClaim, trafficClaims, type Claim } from './claims.js';
import { encryptTheBook } from './encrypt-the-book.js';
import { figuresOf, type Figures } from './figures.js';
import { openWithNewKey } from './open-with-new-key.js';
import { rotateTheMek } from './rotate-the-mek.js';
import { setStage, type Stage } from './stage.js';
import { readStoredBytes } from './stored-bytes.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const isJson = readArguments();
try {
  const stage = setStage(temporaryFolder(), isJson);
  const [figures, claims] = await demonstrate(stage);
  printClaims(claims, stage.say);
  if (isJson) console.log(JSON.stringify(figures));
} catch (error) {
  fail(1, `The demo failed: ${messageOf(error)}`);
}

async function demonstrate(stage: Stage): Promise<[figures: Figures, claims: Claim[]]> {
  const { claims, passages } = await encryptTheBook(stage);
  const before = readStoredBytes(stage.file);
  const rotation = await rotateTheMek(stage);
  const opened = await openWithNewKey(stage);
  const acts = { before, rotation, opened, after: readStoredBytes(stage.file) };
  const figures = figuresOf(acts);
  return [
    figures,
    [
      ...claims,
      secrecyClaim(stage, passages),
      ...rotationClaims(stage, acts, figures),
      ...trafficClaims(acts, figures),
    ],
  ];
}

function readArguments(): boolean {
  try {
    return parseArgs({ options: { json: { type: 'boolean', default: false } } }).values.json;
  } catch (error) {
    return fail(2, `${messageOf(error)}\nUsage: npm run demo [-- --json]`);
  }
}

/** Gone when this process ends, however it is asked to. */
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-demo-'));
  for (const signal of SIGNALS) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
  process.once('exit', () => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
  });
  return folder;
}

function fail(code: number, message: string): never {
  console.error(message);
  process.exit(code);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
