import type { Clock } from '../async/clock.js';
import { requireMethods } from '../guards/guards.js';

export function requireClock(clock: Clock): void {
  requireMethods('clock', 'a clock', ['wallMs', 'monotonicMs', 'sleep', 'jitter'], clock);
}
