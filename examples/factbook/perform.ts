import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { printClaims, rotationClaims, secrecyClaim, trafficClaims, type Claim } from './claims.js';
import { encryptTheBook } from './encrypt-the-book.js';
import { figuresOf } from './figures.js';
import { openWithNewKey } from './open-with-new-key.js';
import { rotateTheMek } from './rotate-the-mek.js';
import type { Setting } from './setting.js';
import type { Say, Stage } from './stage.js';

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
  const { claims, passages } = await encryptTheBook(stage);
  const before = await setting.readStoredBytes();
  const rotation = await rotateTheMek(stage);
  const opened = await openWithNewKey(stage);
  const acts = { before, rotation, opened, after: await setting.readStoredBytes() };
  const figures = figuresOf(acts);
  const observed = await setting.observe();
  return [
    { ...figures, ...observed.figures },
    [
      ...claims,
      await secrecyClaim(stage, passages),
      ...(await rotationClaims(stage, acts, figures)),
      ...trafficClaims(acts, figures),
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
