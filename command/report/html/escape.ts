/** Puts data into HTML: it is shown as it is, and is never markup. @module */

/** A piece of markup. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Shown = Html | boolean | number | string | undefined;

/** Markup with data in it. Data is escaped; lists of markup are joined. */
export function html(
  parts: TemplateStringsArray,
  ...values: readonly (Shown | readonly Html[])[]
): Html {
  const text = parts.reduce((whole, part, at) => {
    const value = values[at - 1];
    return (
      whole +
      (Array.isArray(value) ? joined(value as readonly Html[]) : shown(value as Shown)) +
      part
    );
  });
  return new Html(text);
}

export function joined(parts: readonly Html[]): string {
  return parts.map(({ text }) => text).join('');
}

function shown(value: Shown): string {
  if (value instanceof Html) return value.text;
  if (value === undefined) return '';
  if (typeof value === 'number') return value.toLocaleString('en-US');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return escaped(value);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Characters that draw nothing, and some of which turn what is around them: a name must not lie. */
const INVISIBLE = /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** As text, or as the value of an attribute in quotes. */
export function escaped(text: string): string {
  return text
    .replaceAll(INVISIBLE, (each) => `⟦U+${codeOf(each)}⟧`)
    .replaceAll(/[&<>"']/g, (each) => ENTITIES[each] ?? '');
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}

/** JSON inside an element `script`: nothing in it can end the element. */
export function scriptJson(value: unknown): Html {
  const text = JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (each) => String.raw`\u` + codeOf(each),
  );
  return new Html(text);
}
