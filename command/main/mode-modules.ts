/** Loads the module of a mode when the mode is run, so that help starts fast. @module */
import type { ModeModule } from '../modes/mode.js';
import type { ModeName } from '../modes/mode-table.js';

export const MODE_MODULES: Readonly<Partial<Record<ModeName, () => Promise<ModeModule>>>> = {
  'key new': () => import('../modes/key-new.js'),
  'key fingerprint': () => import('../modes/key-fingerprint.js'),
  'rewrap-deks': () => import('../modes/rewrap-deks.js'),
  manifest: () => import('../modes/manifest.js'),
};
