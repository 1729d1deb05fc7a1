import type { Opened } from './last-process.js';
import { ScriptProcess } from './script-process.js';
import type { Stage } from './stage.js';

/** The third act: a fresh process, with the new key alone, opens everything. */
export async function openWithNewKey({ setting, journal, say }: Stage): Promise<Opened> {
  say('\n6. Opening everything in a fresh process that has the new key alone …');
  const newKeyAlone = await setting.withdrawOldKey();
  const lastProcess = new ScriptProcess('last-process.ts', [setting.place, journal], newKeyAlone);
  const opened = JSON.parse(await lastProcess.nextLine()) as Opened;
  say(`   ${JSON.stringify(opened)}`);
  return opened;
}
