/** The page around the sections of a report: self-contained, and closed to everything else. @module */
import { createHash } from 'node:crypto';
import type { Assets } from './assets.js';
import { Html, html } from './escape.js';
import { type Section, sectionHtml } from './parts.js';

export interface Page {
  readonly title: string;
  readonly header: readonly Html[];
  readonly sections: readonly Section[];
  readonly footer: readonly Html[];
  /** Where there is no chart, there is no script. */
  readonly hasChart: boolean;
}

export function pageHtml(
  { title, header, sections, footer, hasChart }: Page,
  assets: Assets,
): string {
  const links = sections.map(({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>`);
  // Byte for byte what the policy has the digests of.
  const style = new Html(`<style>${assets.style}</style>`);
  const script = new Html(hasChart ? `<script>${assets.script}</script>` : '');
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy(assets, hasChart)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <title>${title}</title>
        ${style}
      </head>
      <body>
        <div class="sheet">
          <header>
            ${header}
            <nav aria-label="Contents">
              <ul>
                ${links}
              </ul>
            </nav>
          </header>
          <main>${sections.map(sectionHtml)}</main>
          <footer>${footer}</footer>
        </div>
        ${script}
      </body>
    </html>`;
  return `${page.text}\n`;
}

/** Only this style and this script, by their digests; nothing is fetched, sent or embedded. */
function policy({ script, style }: Assets, hasChart: boolean): string {
  return [
    "default-src 'none'",
    `style-src ${source(style)}`,
    `script-src ${hasChart ? source(script) : "'none'"}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

function source(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
