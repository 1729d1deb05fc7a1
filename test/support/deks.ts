import type { Moment } from '../../src/async/clock.js';
import { Dek, ShredToken } from '../../src/dek/dek.js';
import { scopeIdIn } from '../../src/format/key-scope.js';

const LONG_AGO: Moment = { wallMs: 0, monotonicMs: 0 };

/** A DEK of bytes that a test chooses, whose scope no process shreds. */
export function dekOf(
  product: string,
  dekId: string,
  bytes: Uint8Array,
  unwrappedAt: Moment = LONG_AGO,
): Dek {
  return new Dek(product, dekId, bytes, { unwrappedAt, token: tokenFor(dekId) });
}

export function tokenFor(dekId: string): ShredToken {
  return new ShredToken(scopeIdIn(dekId));
}
