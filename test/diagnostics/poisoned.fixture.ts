/** Passes, and lets a DEK out on a channel and in its output: the watch is to fail it. @module */
import { channel } from 'node:diagnostics_channel';
import { expect, it } from 'vitest';
import { diagnosticsChannels } from '../../src/index.js';
import { sealed, setup } from '../support/encryptor.js';

it('lets a DEK out', async () => {
  const made = setup();
  made.provider.before = (method, [bytes]) => {
    if (method !== 'wrapKey') return;
    const dek = Buffer.from(bytes as Uint8Array).toString('base64');
    channel(diagnosticsChannels.cache).publish({ type: 'hit', dekId: dek });
    console.log(`Wrapping ${dek}`);
  };
  expect(await sealed(made.encryptor, 'text')).toBeDefined();
});
