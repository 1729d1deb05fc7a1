/** The configurations in the documentation are configurations. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../../command/config/config-file.js';
import { CONFIG_FILE, ConfigFolder, ROOT } from './config-folder.js';

const text = readFileSync(join(ROOT, 'docs/command-configuration.md'), 'utf8');
const examples = [...text.matchAll(/^```json\n(.*?)^```$/gms)].map(([, json = '']) => json);

describe('the documentation of the configuration', () => {
  it('has an example for each kind of store and provider', () => {
    for (const type of ['azure-key-vault', 'env', 'sqlite', 'cosmos']) {
      expect(examples.some((json) => json.includes(`"type": "${type}"`))).toBe(true);
    }
  });

  it.each(examples)('has an example that is accepted: %s', async (json) => {
    const made = new ConfigFolder();
    onTestFinished(() => {
      made[Symbol.dispose]();
    });
    made.write(CONFIG_FILE, json);
    const { settings } = await loadConfig({ folder: made.path, env: {} });
    expect(Object.keys(settings.products)).toEqual(['notelett']);
  });

  it('describes every key', async () => {
    const { configJsonSchema } = await import('../../../command/config/json-schema.js');
    const keys = new Set<string>();
    JSON.stringify(configJsonSchema(), (name, value: unknown) => {
      if (name === 'properties') for (const key of Object.keys(value as object)) keys.add(key);
      return value;
    });
    const missing = [...keys].filter(
      (key) => !new RegExp(`[\`"]${key.replace('$', '\\$')}[\`"]`).test(text),
    );
    expect(missing).toEqual([]);
  });
});
