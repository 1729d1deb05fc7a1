import { expect, it } from 'vitest';
import { untilAborted } from '../../../src/async/abort.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { rejection } from '../../support/failure.js';

it('a signal that nothing else holds still ends what waits for it', async () => {
  const waiting = untilAborted(new Promise(() => undefined), AbortSignal.timeout(100));
  waiting.catch(() => undefined);
  for (let round = 0; round < 5; round += 1) await collectGarbage();
  expect(await rejection(waiting)).toMatchObject({ name: 'TimeoutError' });
});
