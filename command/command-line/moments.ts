/** Moments as operators write them, with an offset. @module */
import * as z from 'zod';

export const MOMENT_TEXT = 'a date and time with an offset, for example 2026-11-28T20:00:00+01:00';

/** It knows how long each month is. */
const moment = z.iso.datetime({ offset: true });

/** @returns The instant as `toISOString()` prints it, or nothing for another text. */
export function parseMoment(text: string): string | undefined {
  if (!moment.safeParse(text).success) return undefined;
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
