import type { Setting } from './setting.js';

export type Say = (text: string) => void;

/** What the acts of the demo share. */
export interface Stage {
  readonly setting: Setting;
  /** Of the writes that the second process got acknowledged. */
  readonly journal: string;
  readonly say: Say;
  readonly hasBars: boolean;
}
