import { beforeAll, describe, expect, it } from 'vitest';
import { DekCache } from '../../../src/index.js';
import { decryptAny } from '../../support/encryptor.js';
import { deferred, turn } from '../../support/deferred.js';
import { runningClock } from '../../support/rotation/auto-clock.js';
import type { Intercept } from '../../support/rotation/intercepted.js';
import { seedOf, type Seed } from '../../support/rotation/seeds.js';
import { Watch } from '../../support/rotation/watch.js';

let seed: Seed;

beforeAll(async () => {
  seed = await seedOf({ notes: 1 });
});

const TTL_MS = 1_000;

describe('a load that has been under way for longer than the time of the cache', () => {
  it('is not joined: later callers have the DEK unwrapped again', async () => {
    const watch = await Watch.over(seed);
    const clock = runningClock();
    const answer = deferred();
    let unwraps = 0;
    const intercept: Intercept = async (call, execute) => {
      const outcome = await watch.executeInTurn(call, execute);
      if (call.method === 'unwrapKey' && ++unwraps === 1) await answer.promise;
      return outcome();
    };
    const dekCache = new DekCache({ clock, maxEntries: 64, ttlMs: TTL_MS });
    const { encryptor } = watch.process('reader', { clock, dekCache, intercept });
    const [document] = seed.documents;
    const first = decryptAny(encryptor, document?.stored);
    await turn();
    clock.advance(TTL_MS);
    const second = decryptAny(encryptor, document?.stored);
    await turn();
    answer.resolve();
    expect(await Promise.all([first, second])).toEqual([document?.plain, document?.plain]);
    expect(unwraps).toBe(2);
  });
});
