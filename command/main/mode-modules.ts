/** Loads the module of a mode when the mode is run, so that help starts fast. @module */
import type { ModeModule } from '../modes/mode.js';
import type { ModeName } from '../modes/mode-table.js';

export const MODE_MODULES: Readonly<Record<ModeName, () => Promise<ModeModule>>> = {
  definitions: () => import('../modes/definitions.js'),
  doctor: () => import('../modes/doctor.js'),
  preflight: () => import('../modes/preflight.js'),
  verify: () => import('../modes/verify.js'),
  'retire-check': () => import('../modes/retire-check.js'),
  status: () => import('../modes/status.js'),
  'rewrap-deks': () => import('../modes/rewrap-deks.js'),
  'key new': () => import('../modes/key-new.js'),
  'key fingerprint': () => import('../modes/key-fingerprint.js'),
  'config check': () => import('../modes/config-check.js'),
  'config show': () => import('../modes/config-show.js'),
  'audit send': () => import('../modes/audit-send.js'),
  'report verify': () => import('../modes/report-verify.js'),
  manifest: async () => {
    const { manifestOf, resultSchema } = await import('../modes/manifest.js');
    return { resultSchema, run: () => manifestOf(MODE_MODULES) };
  },
  encrypt: () => import('../modes/encrypt.js'),
  rollback: () => import('../modes/rollback.js'),
  prune: () => import('../modes/prune.js'),
  're-encrypt': () => import('../modes/re-encrypt.js'),
  reseal: () => import('../modes/reseal.js'),
  'add-recovery-wraps': () => import('../modes/add-recovery-wraps.js'),
  recover: () => import('../modes/recover.js'),
  'recovery-drill': () => import('../modes/recovery-drill.js'),
  'adopt-restore': () => import('../modes/adopt-restore.js'),
  move: () => import('../modes/move.js'),
  abandon: () => import('../modes/abandon.js'),
  'import-rows': () => import('../modes/import-rows.js'),
  'remove-encryption': () => import('../modes/remove-encryption.js'),
};
