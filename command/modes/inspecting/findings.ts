/** What the modes that only read have in common: findings, their commands, and the exit code. @module */
import { isFieldEncryptionError, type MekReference } from '@bytelyst/field-encrypt';
import { commandText } from '../../command-line/command-text.js';
import { EXIT, type ExitCode } from '../../command-line/exit-codes.js';
import type { RawFlags } from '../../command-line/flags.js';
import type { OpenProduct } from '../../config/open-product.js';
import type { Finding } from '../../report/mode-report.js';
import type { ModeContext } from '../mode.js';
import type { ModeName } from '../mode-table.js';
import { defined } from '../run-flags.js';

type Call = Pick<ModeContext, 'raw'>;

/** A command on the same product of the same configuration. */
export function commandOn(
  { raw: { config, product } }: Call,
  mode: ModeName,
  flags: RawFlags = {},
): string {
  return commandText(mode, { ...defined({ config, product }), ...flags });
}

/** The command that brings every row to the MEK version. */
export function rewrapCommand(call: Call, mek: MekReference, more: RawFlags = {}): string {
  const target = { 'key-provider': providerText(mek), 'new-mek-version': mek.mekVersion };
  return commandOn(call, 'rewrap-deks', { ...target, ...more });
}

/** The command after a restore; its dry run comes first. */
export function adoptCommand(call: Call): string {
  return commandOn(call, 'adopt-restore', { 'dry-run': true });
}

/** `unseen` and `warn` are no refusals. */
export function exitCodeOfFindings(findings: readonly Finding[]): ExitCode {
  return findings.some(({ level }) => level === 'fail') ? EXIT.findings : EXIT.done;
}

export function errorText(error: unknown): string {
  const { message } = error instanceof Error ? error : { message: 'unknown error' };
  return isFieldEncryptionError(error) ? `${error.code}: ${message}` : message;
}

/** What cannot be read is a finding, and not the end. @param look - Notes what it sees, and returns its findings. */
export async function orUnread(
  { signal }: Pick<ModeContext, 'signal'>,
  look: () => Promise<readonly Finding[]>,
  unread: (error: unknown) => Finding,
): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    signal.throwIfAborted();
    return [unread(error)];
  }
}

/** The collections of --collection, or all. @throws UsageError for one that is not configured. */
export async function chosenNames(
  { flags }: Pick<ModeContext, 'flags'>,
  product: OpenProduct,
): Promise<readonly string[]> {
  const { collection: chosen = product.collections } = flags;
  for (const name of chosen) {
    if (!product.collections.includes(name)) await product.collection(name);
  }
  return [...new Set(chosen)];
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}

/** The value of --key-provider: several providers may share an id. */
export function providerText({
  keyProvider,
  mekName: name,
}: Pick<MekReference, 'keyProvider' | 'mekName'>): string {
  return name === keyProvider ? keyProvider : `${keyProvider}/${name}`;
}

export function mekText({ keyProvider, mekName: name, mekVersion }: MekReference): string {
  return `${keyProvider}/${name}/${mekVersion}`;
}
