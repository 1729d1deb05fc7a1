/** The page of operators in a real browser, while a rotation runs. Needs the built package and command. */
import { createRequire } from 'node:module';
import { takeCensus } from '@bytelyst/field-encrypt';
import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import {
  afterAll,
  beforeAll,
  describe,
  expect,
  it,
  onTestFinished,
  vi,
  type MockInstance,
} from 'vitest';
import { browserFile, launchBrowser } from '../support/browser.js';
import { badUpdate } from '../support/operators-bad-update.js';
import { OperatorsWorld } from '../support/operators-world.js';
import { secretWatch } from '../support/secrets/secret-watch.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
/** A folder for pictures, for people who change the page. */
const PICTURES = process.env['OPS_PICTURES'];

const LOOKS = [
  [1_280, 'light'],
  [1_280, 'dark'],
  [360, 'light'],
  [360, 'dark'],
] as const;
const TO = ({ versions }: OperatorsWorld): string =>
  `--product notelett --new-mek-version ${versions.new}`;
const rewrapOf = ({ versions }: OperatorsWorld): string =>
  `npx encrypt-migrate rewrap-deks --key-provider env --new-mek-version ${versions.new} --product notelett`;

let browser: Browser;

interface Opened {
  readonly page: Page;
  /** What the page logs, and what it asks other hosts for, or with a token in the address. */
  readonly problems: string[];
}

interface Look {
  readonly width?: number;
  readonly colorScheme?: 'dark' | 'light';
}

async function open(world: OperatorsWorld, look: Look = {}): Promise<Opened> {
  const { width = 1_280, colorScheme = 'light' } = look;
  const context: BrowserContext = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme,
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const problems: string[] = [];
  page.on('console', (message) => problems.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    const isOwn = url.startsWith(`${world.address}/ops`) && !url.includes('?');
    if (!isOwn && !url.startsWith('data:')) problems.push(`asks for ${url}`);
  });
  await page.goto(`${world.address}/ops`);
  return { page, problems };
}

async function signIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('Token').fill(token);
  await page.keyboard.press('Enter');
}

async function lookLike(page: Page, [width, colorScheme]: (typeof LOOKS)[number]): Promise<void> {
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme });
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/ops-${name}.png`, fullPage: true });
}

async function pictures(page: Page, name: string): Promise<void> {
  if (!PICTURES) return;
  for (const look of LOOKS) {
    await lookLike(page, look);
    await picture(page, `${name}-${look.join('-')}`);
  }
  await lookLike(page, LOOKS[0]);
}

/** In each look: nothing to scroll sideways, nothing that moves by itself, and nothing that axe finds. */
async function expectGoodLooks(page: Page, name: string): Promise<void> {
  const measured = '[document.documentElement.scrollWidth, document.getAnimations().length]';
  for (const look of LOOKS) {
    await lookLike(page, look);
    expect(await page.evaluate(measured)).toEqual([look[0], 0]);
    await picture(page, `${name}-${look.join('-')}`);
    expect(await violationsOf(page)).toEqual([]);
  }
}

/** The value of a tile. */
function tile(page: Page, term: string): Locator {
  return page.locator('.tiles > div', { hasText: term }).locator('dd').first();
}

/** @returns What screen readers were given to say since, without numbers. */
async function listenToLiveRegions(page: Page): Promise<() => Promise<readonly string[]>> {
  await page.evaluate(`
    window.said = [];
    for (const region of document.querySelectorAll('[aria-live], [role=status], [role=alert]')) {
      new MutationObserver(() => said.push(region.textContent.replace(/\\d+/g, '#'))).observe(
        region, { childList: true, characterData: true, subtree: true });
    }
  `);
  return () => page.evaluate<readonly string[]>('window.said');
}

/** This process, and so the service, has the time of later: nothing has moved meanwhile. */
function laterBy(ms: number): MockInstance<() => number> {
  const now = Date.now.bind(Date);
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + ms);
  onTestFinished(() => {
    clock.mockRestore();
  });
  return clock;
}

async function violationsOf(page: Page): Promise<readonly string[]> {
  // Past the policy of the page, which lets no other script in.
  const session = await page.context().newCDPSession(page);
  await session.send('Page.setBypassCSP', { enabled: true });
  await page.reload();
  await page.getByText('Live', { exact: true }).waitFor();
  await page.addScriptTag({ path: AXE });
  const { violations } = await page.evaluate<AxeResults>('axe.run()');
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`);
}

/** Any text of the page is as public as the logs of its readers. */
async function textOf(page: Page): Promise<string> {
  const text = String(await page.evaluate('document.body.innerText'));
  secretWatch.emitted.addText('the page of operators', text);
  secretWatch.emitted.addText('the page of operators', await page.content());
  return text.replaceAll(/\s+/g, ' ');
}

// A machine without a browser cannot show pages: `npm run browser:install`.
describe.skipIf(browserFile === undefined)('the page of operators', () => {
  beforeAll(async () => {
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser.close();
  });

  it('shows a rotation from its begin over a stop to its end, with the commands', async () => {
    const world = await OperatorsWorld.start({ notes: 400 });
    const { page, problems } = await open(world);
    await signIn(page, await world.token());
    await page.getByText('Nothing to do.').waitFor();
    await page.getByText(/: 400 under/).waitFor();
    expect(await tile(page, 'Under an older version').textContent()).toBe('0');
    expect(await page.textContent('#audit')).not.toContain('There is none');
    await page.getByText('Ready', { exact: true }).waitFor();
    await pictures(page, 'before');
    const said = await listenToLiveRegions(page);

    await world.run(`npx encrypt-migrate preflight ${TO(world)}`);
    const rewrap = `npx encrypt-migrate rewrap-deks ${TO(world)} --config stuck.config.ts`;
    const isHalfDone = page.locator('progress[value="150"]').waitFor();
    const isSeen = isHalfDone.then(() => pictures(page, 'during'));
    expect(await world.run(rewrap, isSeen)).toMatchObject({ code: 130 });
    await isSeen;
    const { behind } = await takeCensus(world.encryption.encryptor);
    expect(behind).toBe(250);
    await page.getByText('Under way', { exact: true }).waitFor();
    await tile(page, 'Keys left').getByText(String(behind), { exact: true }).waitFor();
    const bar = page.getByRole('progressbar', { name: 'Keys under the new version' });
    expect(await bar.getAttribute('value')).toBe(String(400 - behind));
    expect(await said()).toEqual([...new Set(await said())]);

    // Some of the notes are still under the version before.
    await world.readAll();
    await page.getByText(`of 400 unwraps`).waitFor();
    expect(await tile(page, 'Under an older version').textContent()).toBe(String(behind));
    await page.getByText('operation.stopped').first().waitFor();

    // As the page says, word for word.
    const command = page.locator('#steps code').first();
    const clock = laterBy(31_000);
    await page.getByText(`has stopped, with ${String(behind)} keys left`).waitFor();
    await pictures(page, 'stopped');
    await textOf(page);
    await page
      .getByRole('button', { name: /^Copy: npx encrypt-migrate rewrap-deks / })
      .press('Enter');
    await page.getByRole('button').filter({ hasText: 'Copied' }).waitFor();
    clock.mockRestore();
    const copied = String(await page.evaluate('navigator.clipboard.readText()'));
    expect(copied).toBe(rewrapOf(world));
    expect(await world.run(copied)).toMatchObject({ code: 0 });
    await page.getByText('Complete', { exact: true }).waitFor();
    await page.getByText(/is complete. Prove it:/).waitFor();
    expect(await page.textContent('#plot-text')).toMatch(/: 0 under .*, 400 under /);
    expect(await world.run(String(await command.textContent()))).toMatchObject({ code: 0 });
    const prune = String(await page.locator('#steps code').nth(1).textContent());
    expect(prune).toBe('npx encrypt-migrate prune --soak 24h --product notelett');
    expect(await world.run(`${prune.replace('24h', '1s')} --yes`)).toMatchObject({ code: 0 });
    await page.getByText(/Ask whether it may be disabled/).waitFor();
    const retire = String(await command.textContent())
      .replace('24h', '0s')
      .replace('30d', '0d');
    expect(await world.run(retire)).toMatchObject({ code: 0 });
    await page.getByText('retirement.checked').waitFor();
    await textOf(page);
    expect(problems).toEqual([]);
    await expectGoodLooks(page, 'after');
  });

  it('is used by keyboard, says what is wrong with a token, and forgets it', async () => {
    const world = await OperatorsWorld.start();
    const { page, problems } = await open(world, { width: 360 });
    await picture(page, 'sign-in-360');
    const focused = (): Promise<unknown> => page.evaluate('document.activeElement.id');
    expect(await focused()).toBe('token');
    const alert = page.getByRole('alert');
    await page.keyboard.type('no token');
    await page.keyboard.press('Enter');
    expect(await alert.textContent()).toMatch(/^This is no token/);
    await signIn(page, await world.token({ roles: [] }));
    await alert.filter({ hasText: 'This token is not that of an operator.' }).waitFor();
    await signIn(page, 'a.b.c');
    await alert.filter({ hasText: 'This token is not accepted' }).waitFor();
    await picture(page, 'token-refused-360');
    expect(await focused()).toBe('token');
    // Chromium itself reports both answers.
    expect(problems.splice(0)).toEqual(
      [403, 401].map((status): unknown => expect.stringContaining(`status of ${String(status)}`)),
    );

    const token = await world.token();
    await signIn(page, `Authorization: Bearer ${token}\n`);
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await page.inputValue('#token')).toBe('');
    expect(page.url()).toBe(`${world.address}/ops`);
    await page.reload();
    await page.getByText('Live', { exact: true }).waitFor();
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('leave');
    await page.keyboard.press('Enter');
    await page.getByText('Not connected').waitFor();
    expect(
      await page.evaluate('[sessionStorage.length, localStorage.length, document.cookie]'),
    ).toEqual([0, 0, '']);
    await page.reload();
    expect(await focused()).toBe('token');
    expect(await page.isVisible('#watching')).toBe(false);
    expect(world.log.join('')).not.toContain(token);
    expect(problems).toEqual([]);
  });

  it('connects again after the service was away, and shows names of the database as text', async () => {
    const world = await OperatorsWorld.start();
    const { page, problems } = await open(world);
    await signIn(page, await world.token());
    await page.getByText('Live', { exact: true }).waitFor();
    const events = '**/ops/events';
    await page.route(events, (route) => route.abort());
    const again = page.waitForRequest((request) => request.url().endsWith('/ops/events'));
    await world.restart();
    expect((await again).headers()['last-event-id']).toMatch(/^[\da-f-]{36}\.\d+$/);
    await page.getByText('Connection lost: the service cannot be reached').waitFor();
    await pictures(page, 'lost');
    await page.unroute(events);
    await page.getByText('Live', { exact: true }).waitFor();
    const hostile = `<img src=x onerror="window.hacked=1">`;
    const update = await world.updateWhere(() => true);
    await page.route(events, async (route) => {
      const text = JSON.stringify(update).replaceAll('"env"', JSON.stringify(hostile));
      const body = `id: 1\nevent: update\ndata: ${text}\n\n`;
      await route.fulfill({ contentType: 'text/event-stream', body });
    });
    await page.reload();
    await page.getByText(`${hostile}/${hostile}`).first().waitFor();
    expect(await page.evaluate('[window.hacked, document.images.length]')).toEqual([undefined, 0]);
    expect(problems.filter((text) => !text.includes('ERR_'))).toEqual([]);
  });

  it('shows all that can be wrong, in each look', async () => {
    const world = await OperatorsWorld.start();
    const { page, problems } = await open(world);
    const body = `id: 1\nevent: update\ndata: ${JSON.stringify(badUpdate(world))}\n\n`;
    await page.route('**/ops/events', (route) =>
      route.fulfill({ contentType: 'text/event-stream', body }),
    );
    await signIn(page, await world.token());
    await page.getByText('Not ready', { exact: true }).waitFor();
    for (const text of [
      'KEY_PROVIDER_UNAVAILABLE',
      'EACCES',
      'rewrapAllDeks (dry run) in this process',
    ]) {
      await page.getByText(text).first().waitFor();
    }
    expect(await page.locator('#legend li').count()).toBe(6);
    expect(await page.locator('.tiles .fail').count()).toBe(3);
    expect(problems).toEqual([]);
    await expectGoodLooks(page, 'wrong');
  });

  it('lets no script in that the policy does not name', async () => {
    const world = await OperatorsWorld.start();
    const { page } = await open(world);
    const injected = page.evaluate(`(() => {
      const script = document.createElement('script');
      try { script.textContent = 'window.injected = 1'; } catch { return 'refused'; }
      document.body.append(script);
      return window.injected;
    })()`);
    expect(await injected).toBe('refused');
  });
});
