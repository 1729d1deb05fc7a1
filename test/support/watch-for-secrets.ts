import { afterAll } from 'vitest';
import { SecretWatch } from './secrets/secret-watch.js';

/** Of this test file: every one has its own. */
export const secretWatch: SecretWatch = new SecretWatch();

secretWatch.start();

afterAll(() => {
  secretWatch.requireNoFindings();
});
