/** The HTML report in a real browser. Needs the built command. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readAssets } from '../../../command/report/html/assets.js';
import { htmlReport, type ReportContent } from '../../../command/report/html/html-report.js';
import { browserFile, launchBrowser } from '../../support/browser.js';
import { reportContent } from '../../support/report-content.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const HOSTILE = `</script><img src=x onerror="window.hacked=1">"'>&‮gnp.exe`;

let folder: string;
let browser: Browser;

interface Opened {
  readonly page: Page;
  readonly problems: string[];
}

interface Look {
  readonly content?: ReportContent;
  readonly width?: number;
  readonly colorScheme?: 'dark' | 'light';
}

/** Opens the report from its file; everything that the page logs or asks for is a problem. */
async function open({
  content = reportContent(),
  width = 1_280,
  colorScheme = 'light',
}: Look): Promise<Opened> {
  const file = join(folder, 'report.html');
  writeFileSync(file, htmlReport(content, readAssets(), true));
  const url = pathToFileURL(file).href;
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const problems: string[] = [];
  page.on('console', (message) => problems.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => {
    if (request.url() !== url) problems.push(`asks for ${request.url().slice(0, 100)}`);
  });
  await page.goto(url);
  await page.waitForSelector('canvas', { state: 'attached' });
  return { page, problems };
}

/** How many different colours the chart has. */
function coloursOf(page: Page): Promise<number> {
  return page.evaluate(`(() => {
    const canvas = document.querySelector('canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let at = 0; at < data.length; at += 4) {
      if (data[at + 3] === 255) colours.add(data.slice(at, at + 3).join());
    }
    return colours.size;
  })()`);
}

async function violationsOf(page: Page): Promise<readonly string[]> {
  // Past the policy of the page, which lets no other script in.
  const session = await page.context().newCDPSession(page);
  await session.send('Page.setBypassCSP', { enabled: true });
  await page.reload();
  await page.addScriptTag({ path: AXE });
  await page.evaluate(
    `document.querySelectorAll('details').forEach((each) => { each.open = true; })`,
  );
  const { violations } = await page.evaluate<AxeResults>('axe.run()');
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`);
}

// A machine without a browser cannot show pages: `npm run browser:install`.
describe.skipIf(browserFile === undefined)('the HTML report in a browser', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'report-'));
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser.close();
    rmSync(folder, { recursive: true });
  });

  it.each([
    [1_280, 'light'],
    [1_280, 'dark'],
    [360, 'light'],
    [360, 'dark'],
  ] as const)('is accessible, quiet and drawn at a width of %i, %s', async (width, colorScheme) => {
    const { page, problems } = await open({ width, colorScheme });
    expect(await coloursOf(page)).toBeGreaterThan(3);
    const widths = await page.evaluate('[document.documentElement.scrollWidth, innerWidth]');
    expect(widths).toEqual([width, width]);
    expect(problems).toEqual([]);
    expect(await violationsOf(page)).toEqual([]);
    await page.close();
  });

  it('shows hostile names as text', async () => {
    const { page, problems } = await open({ content: reportContent(HOSTILE), width: 360 });
    expect(await page.evaluate('[window.hacked, document.images.length]')).toEqual([undefined, 0]);
    const heading = await page.textContent('h1');
    expect(heading).toContain(`</script><img src=x onerror="window.hacked=1">"'>&⟦U+202E⟧gnp.exe`);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('has the figures of the chart on paper', async () => {
    const { page, problems } = await open({ colorScheme: 'dark' });
    await page.emulateMedia({ media: 'print' });
    const figures = page.getByRole('table', { name: 'Totals since the start' });
    expect((await figures.boundingBox())?.height).toBeGreaterThan(500);
    const background = await page.evaluate(`getComputedStyle(document.body).backgroundColor`);
    expect(background).toBe('rgb(255, 255, 255)');
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    expect(problems).toEqual([]);
    await page.close();
  });

  it('lets no script in that the policy does not name', async () => {
    const { page } = await open({});
    const injected = page.evaluate(`(() => {
      const script = document.createElement('script');
      script.textContent = 'window.injected = 1';
      document.body.append(script);
      return window.injected;
    })()`);
    expect(await injected).toBeUndefined();
    await page.close();
  });
});
