/** The lines of the checklist. @module */
import type { Finding } from '../../report/mode-report.js';

type More = Pick<Finding, 'action' | 'command'>;

export function ok(check: string, message: string): Finding {
  return { level: 'ok', check, message };
}

export function warn(check: string, message: string, more: More = {}): Finding {
  return { level: 'warn', check, message, ...more };
}

export function fail(check: string, message: string, more: More = {}): Finding {
  return { level: 'fail', check, message, ...more };
}

export function unseen(check: string, message: string, more: More = {}): Finding {
  return { level: 'unseen', check, message, ...more };
}
