/** Durations as operators write them: `24h`, `30d`. @module */

const UNITS_MS = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
} as const;
const DURATION = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d|w)$/;
/** A hundred years: more is a mistake. */
const MOST_MS = 3_155_760_000_000;

export const DURATION_TEXT = 'a number and a unit, for example 90m, 24h or 30d';

/** @returns Milliseconds, or nothing for another text. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = DURATION.exec(text) ?? [];
  if (count === undefined) return undefined;
  const ms = Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
  return ms <= MOST_MS ? ms : undefined;
}

/** The two largest units that are not zero: `1d 2h`, `3m 20s`, `450ms`. */
export function formatDuration(ms: number): string {
  if (ms < UNITS_MS.s) return `${String(Math.round(ms))}ms`;
  const parts: string[] = [];
  let rest = Math.round(ms / UNITS_MS.s) * UNITS_MS.s;
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    const count = Math.floor(rest / UNITS_MS[unit]);
    rest -= count * UNITS_MS[unit];
    if (count > 0) parts.push(`${String(count)}${unit}`);
  }
  return parts.slice(0, 2).join(' ');
}
