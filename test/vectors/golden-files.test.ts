import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readGolden, VECTORS } from '../support/golden.js';

const CHECKSUMS = 'checksums.json';

describe('the golden files', () => {
  it('are byte for byte those that were released', () => {
    const names = readdirSync(VECTORS).filter(
      (name) => name.endsWith('.json') && name !== CHECKSUMS,
    );
    const found = names.map((name) => {
      const digest = createHash('sha256').update(readFileSync(join(VECTORS, name)));
      return [name, digest.digest('hex')];
    });
    expect(found.length).toBeGreaterThan(0);
    expect(Object.fromEntries(found)).toEqual(readGolden(CHECKSUMS));
  });
});
