import { describe, expect, it } from 'vitest';
import { ScriptRun } from './script-run.js';

const SCRIPT = 'factbook/demo.ts';
const PATIENCE_MS = 1_200_000;

describe('the demo', { timeout: PATIENCE_MS }, () => {
  it.each([[['--azure', '--notes']], [['--notes']]])('refuses %j', async (parameters) => {
    const demo = new ScriptRun(SCRIPT, ...parameters);
    expect([await demo.end(), demo.stdout, demo.stderr]).toEqual([
      2,
      '',
      "Unknown option '--notes'\nUsage: npm run demo [-- [--azure] [--json]]\n",
    ]);
  });

  it.each([
    { parameters: [], moment: '2. Encrypting' },
    { parameters: ['--azure'], moment: '   fence: ' },
  ])('leaves nothing behind after Ctrl-C, $parameters', async ({ parameters, moment }) => {
    const demo = new ScriptRun(SCRIPT, ...parameters);
    await demo.untilPrinted(moment);
    demo.pressCtrlC();
    expect([await demo.end(), demo.stderr]).toEqual([128 + 2, '']);
    expect(demo.stdout).not.toContain('Summary');
    await demo.untilNobodyIsLeft();
    expect(demo.filesLeft).toEqual([]);
  });

  it('on Azure ends all its processes when its first one is asked to', async () => {
    const demo = new ScriptRun(SCRIPT, '--azure');
    await demo.untilPrinted('1. Storing 537 notes');
    demo.signal('SIGTERM');
    expect([await demo.end(), demo.stderr]).toEqual([128 + 15, '']);
    expect(demo.stdout).not.toContain('Summary');
    await demo.untilNobodyIsLeft();
    expect(demo.filesLeft).toEqual([]);
  });

  it('touches no vault and no account that the environment names', async () => {
    const acts = new ScriptRun('factbook/azure-acts.ts');
    expect([await acts.end(), acts.stderr]).toEqual([2, 'Run it by: npm run demo -- --azure\n']);
  });
});
