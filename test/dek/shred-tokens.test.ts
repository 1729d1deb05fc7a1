import { describe, expect, it } from 'vitest';
import { ShredTokens } from '../../src/dek/dek.js';
import { collectGarbage } from '../support/collect-garbage.js';

describe('what a process remembers of its shreds', () => {
  it('reaches a call that begins meanwhile, with nothing before it', () => {
    const tokens = new ShredTokens();
    const shred = tokens.beginShred('scope');
    expect(tokens.of('scope').isShredded).toBe(true);
    shred.end();
    expect(tokens.of('scope').isShredded).toBe(false);
  });

  it('is forgotten with the last call that it concerns', async () => {
    const tokens = new ShredTokens();
    const held = tokens.of('held');
    for (let nth = 0; nth < 1_000; nth += 1) {
      tokens.beginShred(`scope ${String(nth)}`).end();
      tokens.of(`scope ${String(nth)}`);
    }
    expect(tokens.size).toBe(1_001);
    await collected(() => tokens.size === 1);
    expect(tokens.of('held')).toBe(held);
    tokens.beginShred('held').end();
    expect(held.isShredded).toBe(true);
    expect(tokens.of('held').isShredded).toBe(false);
  });
});

/** Collects garbage until that shows. */
async function collected(isDone: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 500 && !isDone(); attempt += 1) await collectGarbage();
  expect(isDone()).toBe(true);
}
