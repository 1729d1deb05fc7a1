/** Opens everything that is configured, without a request to any service. @module */
import type { Clock } from '@bytelyst/field-encrypt';
import { UsageError } from '../command-line/usage-error.js';
import type { LoadedConfig } from './config-file.js';
import { openAudit } from './audit.js';
import { openProduct, type OpenProduct } from './open-product.js';
import { reportSecretsOf } from './report-secrets.js';
import { at } from './value-reader.js';

/** A part of the configuration that can be opened. */
export interface CheckedPart {
  readonly path: string;
  /** What it is, for people. */
  readonly is: string;
}

export interface CheckedConfig {
  readonly parts: readonly CheckedPart[];
  /** What is not there, or not usable: variables, files, drivers, packages, keys. */
  readonly problems: readonly string[];
}

/** Reads every variable and opens every file; whether vaults and accounts answer, `preflight` says. */
export async function checkConfig(config: LoadedConfig, clock: Clock): Promise<CheckedConfig> {
  const checks: CheckedConfig[] = [
    { parts: [], problems: secretProblems(config) },
    await checkAudit(config, clock),
  ];
  for (const name of Object.keys(config.settings.products)) {
    const product = openProduct(config, name, { clock, readOnly: true });
    try {
      checks.push(await checkProduct(product, config));
    } finally {
      await product.close();
    }
  }
  return {
    parts: checks.flatMap(({ parts }) => parts),
    problems: checks.flatMap(({ problems }) => problems),
  };
}

function secretProblems(config: LoadedConfig): readonly string[] {
  try {
    reportSecretsOf(config);
    return [];
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return error.problems;
  }
}

/** Nothing is sent, and no file is made. */
async function checkAudit(config: LoadedConfig, clock: Clock): Promise<CheckedConfig> {
  try {
    const audit = await openAudit(config, clock);
    return { parts: audit ? [{ path: 'audit', is: audit.describe }] : [], problems: [] };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return { parts: [], problems: error.problems };
  }
}

async function checkProduct(product: OpenProduct, config: LoadedConfig): Promise<CheckedConfig> {
  const path = at('products', product.product);
  const { providers = [] } = config.settings.products[product.product] ?? {};
  const parts: CheckedPart[] = [];
  const problems = new Set<string>();
  const check = async (
    part: string,
    open: () => Promise<string | undefined> | undefined,
  ): Promise<void> => {
    try {
      const is = await open();
      if (is !== undefined) parts.push({ path: part, is });
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      for (const problem of error.problems) problems.add(problem);
    }
  };
  await check(at(path, 'dekStore'), async () => (await product.dekDatabase()).describe);
  await check(path, () => {
    product.checkRecordKeys();
    return undefined;
  });
  await check(path, () => {
    product.checkRecoveryKey();
    return undefined;
  });
  for (const index of providers.keys()) {
    const place = at(path, 'providers', index);
    await check(place, async () => (await product.providers())[index]?.describe);
  }
  for (const name of product.collections) {
    const place = at(path, 'collections', name);
    await check(place, async () => (await product.collection(name)).describe);
  }
  for (const name of product.copies) {
    await check(at(path, 'copies', name), async () => (await product.copy(name)).describe);
  }
  return { parts, problems: [...problems] };
}
