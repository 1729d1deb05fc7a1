/** Where a page ended, as an opaque text. @module */

/** @throws RangeError where the text is no continuation: the listing would begin anywhere. */
export function parsePageEnd(continuation: string, parts: number): readonly string[] {
  const end = parsed(continuation);
  if (Array.isArray(end) && end.length === parts && end.every((each) => typeof each === 'string')) {
    return end;
  }
  throw new RangeError('"continuation" expected one that list returned, got another text');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
