import { afterAll } from 'vitest';
import { secretWatch } from './secrets/secret-watch.js';

secretWatch.start();

/** After each test file: nothing that it let out holds a key, plaintext, ciphertext or token. */
afterAll(() => {
  try {
    secretWatch.requireNoFindings();
  } finally {
    secretWatch.forget();
  }
});
