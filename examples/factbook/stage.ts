import { join } from 'node:path';
import { makeMasterKeys, type MasterKeys } from './master-keys.js';

export type Say = (text: string) => void;

/** What the acts of the demo share. */
export interface Stage {
  readonly folder: string;
  readonly file: string;
  /** Of the writes that the second process got acknowledged. */
  readonly journal: string;
  readonly keys: MasterKeys;
  readonly say: Say;
  readonly hasBars: boolean;
}

export function setStage(folder: string, isSilent: boolean): Stage {
  return {
    folder,
    file: join(folder, 'notes.sqlite'),
    journal: join(folder, 'journal.jsonl'),
    keys: makeMasterKeys(),
    say: isSilent ? () => undefined : console.log,
    hasBars: !isSilent && process.stdout.isTTY,
  };
}
