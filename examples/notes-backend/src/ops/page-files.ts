/** The files of the page, all from this project and its packages: a browser asks no other host. @module */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export interface PageFile {
  readonly path: string;
  readonly type: string;
  readonly body: string;
}

const HTML = 'text/html; charset=utf-8';
const CSS = 'text/css; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';

/** Read once, at the start: a file that is missing is found before anyone needs the page. */
export function readPageFiles(): readonly PageFile[] {
  const { resolve } = createRequire(import.meta.url);
  // Beside `src` and beside `dist`.
  const own = (name: string): URL => new URL(`../../page/${name}`, import.meta.url);
  const file = (path: string, type: string, place: URL | string): PageFile => ({
    path,
    type,
    body: readFileSync(place, 'utf8'),
  });
  const scripts = ['main', 'connection', 'plot', 'sections', 'elements'];
  return [
    file('', HTML, own('index.html')),
    ...['style', 'sections'].map((name) => file(`/${name}.css`, CSS, own(`${name}.css`))),
    ...scripts.map((name) => file(`/${name}.js`, SCRIPT, own(`${name}.js`))),
    file('/uplot.js', SCRIPT, resolve('uplot/dist/uPlot.esm.js')),
    file('/uplot.css', CSS, resolve('uplot/dist/uPlot.min.css')),
    file('/eventsource-parser.js', SCRIPT, resolve('eventsource-parser').replace(/\.cjs$/, '.js')),
  ];
}
