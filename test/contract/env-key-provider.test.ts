import { randomBytes } from 'node:crypto';
import { describe, it } from 'vitest';
import { EnvKeyProvider } from '../../src/index.js';
import { keyProviderContract, type KeyProviderSubject } from '../../src/testing/index.js';

async function makeSubject(): Promise<KeyProviderSubject> {
  const secrets = [randomBytes(32), randomBytes(32), randomBytes(32)];
  const [key = '', ...previousKeys] = secrets.map((bytes) => bytes.toString('base64'));
  const versions = [key, ...previousKeys].map((each) =>
    new EnvKeyProvider({ key: each }).currentVersion(),
  );
  const provider = new EnvKeyProvider({ key, previousKeys });
  return { provider, mekVersions: await Promise.all(versions), secrets };
}

describe('EnvKeyProvider', () => {
  for (const { rule, name, run } of keyProviderContract(makeSubject)) it(`${rule} ${name}`, run);
});
