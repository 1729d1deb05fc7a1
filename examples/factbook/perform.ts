import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { backfillTheBook } from './backfill-the-book.js';
import {
  printClaims,
  reencryptionClaims,
  rotationClaims,
  secrecyClaim,
  trafficClaims,
  type Claim,
} from './claims.js';
import { figuresOf } from './figures.js';
import { openWithNewKey } from './open-with-new-key.js';
import { reencryptTheDrafts } from './reencrypt-the-drafts.js';
import { rotateTheMek } from './rotate-the-mek.js';
import type { Setting } from './setting.js';
import { showAndForge } from './show-and-forge.js';
import type { Say, Stage } from './stage.js';
import { storeInClear } from './store-in-clear.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface PerformOptions {
  /** Prints figures as one line of JSON, and nothing else. */
  readonly isJson: boolean;
  /** The folder is gone when the process ends. */
  readonly makeSetting: (folder: string, say: Say) => Setting;
}

/** The whole demo. Where something of it is not so, the process ends with exit code 1. */
export async function perform({ isJson, makeSetting }: PerformOptions): Promise<void> {
  try {
    const folder = temporaryFolder();
    const say: Say = isJson ? () => undefined : console.log;
    const hasBars = !isJson && process.stdout.isTTY;
    const setting = makeSetting(folder, say);
    const stage = { setting, journal: join(folder, 'journal.jsonl'), say, hasBars };
    const [figures, claims] = await performActs(stage);
    printClaims(claims, say);
    if (isJson) console.log(JSON.stringify(figures));
  } catch (error) {
    console.error(`The demo failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}

async function performActs(stage: Stage): Promise<[figures: object, claims: readonly Claim[]]> {
  const { setting, say } = stage;
  for (const line of setting.introduction) say(line);
  const inClear = await storeInClear(stage);
  const backfill = await backfillTheBook(stage);
  const refused = await showAndForge(stage);
  const before = await setting.readStoredBytes();
  const rotation = await rotateTheMek(stage);
  const newKeyAlone = await setting.withdrawOldKey();
  const reencryption = await reencryptTheDrafts(stage, newKeyAlone);
  const opened = await openWithNewKey(stage, newKeyAlone);
  const after = await setting.readStoredBytes();
  const acts = { backfill, before, rotation, reencryption, opened, after };
  const figures = figuresOf(acts);
  const observed = await setting.observe();
  return [
    { ...figures, ...observed.figures },
    [
      inClear.claim,
      ...backfill.claims,
      await secrecyClaim(stage, inClear.passages),
      refused,
      ...(await rotationClaims(stage, acts, figures)),
      ...trafficClaims(acts, figures),
      ...(await reencryptionClaims(stage, acts)),
      ...observed.claims,
    ],
  ];
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
