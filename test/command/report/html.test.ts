/** Needs the built command, which has the script and the style of reports. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readAssets } from '../../../command/report/html/assets.js';
import { escaped, scriptJson } from '../../../command/report/html/escape.js';
import { htmlReport } from '../../../command/report/html/html-report.js';
import type { CommandWorld } from '../../support/command-world.js';
import { reportContent } from '../../support/report-content.js';
import { isGenuine } from '../../support/report-seal.js';
import { newSecret, signedWorld, textOf, type WholeReport } from '../../support/report-world.js';

const SECRET = newSecret();

describe('data in HTML', () => {
  it.each([
    [`<b a="c">'&`, '&lt;b a=&quot;c&quot;&gt;&#39;&amp;'],
    ['a‮b⁦c', 'a⟦U+202E⟧b⟦U+2066⟧c'],
    ['a\u0000b\u001b[31m', 'a⟦U+0000⟧b⟦U+001B⟧[31m'],
    ['a\u200bb\ufeff', 'a⟦U+200B⟧b⟦U+FEFF⟧'],
    ['\ud800', '⟦U+D800⟧'],
    ['two\n\tlines, café 日本', 'two\n\tlines, café 日本'],
  ])('is text: %j', (text, expected) => {
    expect(escaped(text)).toBe(expected);
  });

  it('cannot end a script', () => {
    const value = { name: '</script><!-- \u2028' };
    const { text } = scriptJson(value);
    expect(text).not.toMatch(/[<>\u2028]/);
    expect(JSON.parse(text)).toEqual(value);
  });
});

describe('an HTML report', () => {
  const page = htmlReport(reportContent(), readAssets(), true);

  it('has the facts of the JSON report', () => {
    const { evidence, report } = reportContent();
    const texts = [
      report.product,
      evidence.id,
      evidence.command,
      evidence.who.ci?.repository,
      evidence.items.sha256,
      evidence.failures[0]?.examples[4],
      evidence.digests?.[0]?.before.etag,
      '999,988',
      '2,999,964',
      'notelett-mek/b7c0e9d2f3a64c1d8e5f90a1b2c3d4e5',
      'STORE_UNAVAILABLE',
    ];
    for (const text of texts) expect(page).toContain(text);
  });

  it('needs nothing from elsewhere: no address, no style or handler in an attribute', () => {
    expect(page).not.toMatch(/(?:src|href)="(?!#)|url\(|@import|\sstyle="|\son\w+="/);
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page).toContain(`default-src &#39;none&#39;`);
  });

  it('has a caption for each table, and a scope for each heading of a column', () => {
    const tables = page.match(/<table/g) ?? [];
    expect(tables.length).toBeGreaterThan(8);
    expect(page.match(/<caption>/g)).toHaveLength(tables.length);
    expect(page.match(/<th\b(?![^>]*scope=)/g)).toBeNull();
  });
});

describe('the file of an HTML report', () => {
  let world: CommandWorld;

  beforeEach(async () => {
    world = await signedWorld(SECRET, { notes: 3 });
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  it('is made beside the JSON report of the same command, and both are genuine', async () => {
    const args = ['rewrap-deks', '--new-mek-version', world.versions.new];
    const flags = ['--report', 'rotation.json', '--report', 'rotation.html'];
    expect(await world.run([...args, ...flags])).toMatchObject({ code: 0 });
    const json = JSON.parse(textOf(world, 'rotation.json')) as WholeReport;
    const html = textOf(world, 'rotation.html');
    expect(html).toContain(json.evidence.id);
    expect(html).toContain(json.seal.sha256);
    expect(html).toContain(world.versions.new);
    expect(html).not.toContain(json.items[0]?.dekId);
    world.requireNoKey(html);
    for (const file of ['rotation.json', 'rotation.html']) {
      expect(isGenuine(textOf(world, file), SECRET)).toBe(true);
      const verified = await world.run(['report', 'verify', file]);
      expect(verified).toMatchObject({ code: 0 });
    }
    world.write('changed.html', html.replace('notelett', 'notelets'));
    const changed = await world.run(['report', 'verify', 'changed.html']);
    expect(changed).toMatchObject({ code: 3 });
    expect(changed.stdout).toContain('changed.html was changed after it was sealed');
  });

  it('says when there is no JSON report, and that nothing ran', async () => {
    expect(await world.run(['status', '--report', 'status.html'])).toMatchObject({ code: 0 });
    const html = textOf(world, 'status.html');
    expect(html).toContain('none was made');
    expect(html).toContain('DEKs by MEK version');
    expect(html).not.toContain('throughput-chart');
  });

  it('of key new has no key', async () => {
    const { code, stdout } = await world.run([
      'key',
      'new',
      '--report',
      'k.html',
      '--report',
      'k.json',
    ]);
    expect(code).toBe(0);
    for (const file of ['k.html', 'k.json']) {
      expect(textOf(world, file)).not.toContain(stdout.trim());
      expect(textOf(world, file)).toContain('env-');
    }
  });
});
