/** A moment that is given from outside, as it is compared with stored times. @module */
import { isDate } from 'node:util/types';

export interface PastMoment {
  readonly name: string;
  /** What happens to what is older, for the message. */
  readonly meaning: string;
  readonly nowMs: number;
}

/**
 * The moment as `toISOString()` writes it, so that texts compare as times do.
 *
 * @throws TypeError or RangeError for anything but a Date, or such a text, that has passed.
 */
export function readPastMoment(moment: unknown, { name, meaning, nowMs }: PastMoment): string {
  const atMs = isDate(moment) ? moment.getTime() : Date.parse(textOf(moment));
  const text = Number.isNaN(atMs) ? undefined : new Date(atMs).toISOString();
  if (text === undefined || (typeof moment === 'string' && moment !== text)) {
    throw new TypeError(
      `"${name}" expected a Date, or a time as toISOString() writes it: ${meaning}`,
    );
  }
  if (atMs <= nowMs) return text;
  throw new RangeError(`"${name}" expected a moment in the past, got one to come`);
}

/** A number, or a list of one text, would be read as some moment as well. */
function textOf(moment: unknown): string {
  return typeof moment === 'string' ? moment : '';
}
