/** Runs one mode in this process: faster than the built command, and over any store. @module */
import { PassThrough, Writable } from 'node:stream';
import {
  systemClock,
  type AnyDefinition,
  type Clock,
  type DekStore,
  type KeyProvider,
} from '@bytelyst/field-encrypt';
import { readFlags } from '../../command/command-line/flag-values.js';
import type { AnyDocumentStore } from '../../command/config/code-values.js';
import type { LoadedConfig } from '../../command/config/config-file.js';
import { openProduct, type OpenProduct } from '../../command/config/open-product.js';
import { parseCommand } from '../../command/main/parse-command.js';
import type { ModeContext, ModeModule, ModeOutcome } from '../../command/modes/mode.js';
import { flagsOf, modeOf } from '../../command/modes/mode-table.js';
import { colorsFor } from '../../command/report/colors.js';
import { Output } from '../../command/report/output.js';

export interface ModeCall {
  readonly args: readonly string[];
  readonly product: OpenProduct;
  /** For modes that look into the configuration itself. */
  readonly config?: LoadedConfig;
  readonly env?: Readonly<Record<string, string>>;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** The outcome, which was neither printed nor turned into an exit code where the mode throws. */
export function outcomeOf({ run }: ModeModule, call: ModeCall): Promise<ModeOutcome> {
  return run(contextOf(call));
}

export interface ProductParts {
  readonly provider: KeyProvider;
  readonly dekStore: DekStore;
  readonly documentStore: AnyDocumentStore;
  readonly definition: AnyDefinition;
}

/** A product of a configuration in code, with the configuration. */
export function productOf(
  name: string,
  { provider, dekStore, documentStore, definition }: ProductParts,
): Required<Pick<ModeCall, 'config' | 'product'>> {
  const { collection } = definition;
  const collections = { [collection]: { definition, documentStore } };
  const config: LoadedConfig = {
    file: 'encrypt-migrate.config.mjs',
    folder: process.cwd(),
    settings: { products: { [name]: { providers: [provider], dekStore, collections } } },
    definitions: new Map([[name, new Map([[collection, definition]])]]),
    env: {},
  };
  return { config, product: openProduct(config, name, { clock: systemClock }) };
}

function contextOf(call: ModeCall): ModeContext {
  const { args, product, config, env = {}, clock = systemClock } = call;
  const { signal = new AbortController().signal } = call;
  const parsed = parseCommand(args, env);
  if (parsed.kind !== 'mode') throw new Error('Not the command line of a mode');
  const { mode, raw } = parsed;
  const { required = [] } = modeOf(mode);
  const { values, raw: given } = readFlags(raw, { known: flagsOf(mode), required, env });
  return {
    mode,
    flags: values,
    raw: given,
    resumeFlags: given,
    env,
    folder: process.cwd(),
    stdin: new PassThrough(),
    clock,
    signal,
    output: silent(clock),
    hasBegun: false,
    documentKeys: values['document-keys'] ?? false,
    config: () =>
      config ? Promise.resolve(config) : Promise.reject(new Error('There is no configuration')),
    product: () => Promise.resolve(product),
    confirm: () => Promise.resolve(),
  };
}

function silent(clock: Clock): Output {
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const colors = colorsFor({}, { noColor: true, env: {} });
  return new Output({
    stdout: nowhere,
    stderr: nowhere,
    format: 'table',
    isQuiet: true,
    documentKeys: false,
    colors: { out: colors, err: colors },
    clock,
    vault: () => ({ vaultOps: 0, throttled: 0 }),
    maxVaultOps: undefined,
  });
}
