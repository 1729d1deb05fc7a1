/** Tables, lists and sections of a report. @module */
import { type Html, html, type Shown } from './escape.js';

export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: readonly Html[];
}

export function sectionHtml({ id, title, body }: Section): Html {
  return html`<section aria-labelledby="${id}">
    <h2 id="${id}">${title}</h2>
    ${body}
  </section> `;
}

export interface Column {
  readonly name: string;
  readonly isNumber?: boolean;
  /** In letters of one width. */
  readonly isCode?: boolean;
}

/** The first cell of each row names it. Roles say what narrow pages, which draw no table, leave out. */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Shown[])[],
): Html {
  const heads = columns.map(
    (each) =>
      html`<th scope="col" role="columnheader" ${classOf({ ...each, isCode: false })}>
        ${each.name}
      </th>`,
  );
  const body = rows.map(
    (row) =>
      html`<tr role="row">
        ${row.map((cell, at) => cellHtml(columns[at], at, cell))}
      </tr> `,
  );
  return html`<table role="table">
    <caption>
      ${caption}
    </caption>
    <thead role="rowgroup">
      <tr role="row">
        ${heads}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${body}
    </tbody>
  </table> `;
}

function cellHtml(column: Column | undefined, at: number, cell: Shown): Html {
  const classes = classOf(column ?? { name: '' });
  if (at === 0) return html`<th scope="row" role="rowheader" ${classes}>${cell}</th>`;
  return html`<td role="cell" data-label="${column?.name ?? ''}" ${classes}>${cell}</td>`;
}

function classOf({ isNumber = false, isCode = false }: Column): Html {
  const names = [...(isNumber ? ['number'] : []), ...(isCode ? ['mono'] : [])];
  return names.length === 0 ? html`` : html` class="${names.join(' ')}"`;
}

/** Facts without a value are left out. */
export function facts(all: Readonly<Record<string, Shown>>, className = 'facts'): Html {
  const entries = Object.entries(all).filter(([, value]) => value !== undefined);
  const items = entries.map(
    ([name, value]) =>
      html`<div>
        <dt>${name}</dt>
        <dd>${value}</dd>
      </div> `,
  );
  if (className !== 'facts') return html`<dl class="${className}">${items}</dl> `;
  const pairs = entries.map(
    ([name, value]) =>
      html`<dt>${name}</dt>
        <dd>${value}</dd> `,
  );
  return html`<dl class="facts">${pairs}</dl> `;
}

export function paragraph(text: Shown): Html {
  return html`<p>${text}</p> `;
}

export function code(text: string): Html {
  return html`<code>${text}</code>`;
}

export function time(iso: string): Html {
  const text = `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
  return html`<time datetime="${iso}">${text}</time>`;
}

/** Levels of findings, and outcomes: by a word and a sign, and not by colour alone. */
export type Level = 'fail' | 'ok' | 'unseen' | 'warn';

const SIGNS: Readonly<Record<Level, string>> = { ok: '✓', warn: '!', fail: '✗', unseen: '?' };

export function mark(level: Level): Html {
  return html`<span class="mark ${level}"
    ><span aria-hidden="true">${SIGNS[level]}</span> ${level}</span
  >`;
}
