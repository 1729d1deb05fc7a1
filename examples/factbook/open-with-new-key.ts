import type { Opened } from './last-process.js';
import { ScriptProcess } from './script-process.js';
import type { Variables } from './setting.js';
import type { Stage } from './stage.js';

/** The last act: a fresh process, with the new key alone, opens everything. */
export async function openWithNewKey(stage: Stage, newKeyAlone: Variables): Promise<Opened> {
  const { setting, journal, say } = stage;
  say('\n7. Opening everything in a fresh process that has the new key alone …');
  const lastProcess = new ScriptProcess('last-process.ts', [setting.place, journal], newKeyAlone);
  const opened = JSON.parse(await lastProcess.nextLine()) as Opened;
  say(`   ${JSON.stringify(opened)}`);
  return opened;
}
