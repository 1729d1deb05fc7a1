/** Asks the operator before something that cannot be undone. @module */
import type { Readable, Writable } from 'node:stream';
import { confirm, isCancel, text } from '@clack/prompts';
import { UsageError } from '../command-line/usage-error.js';
import type { Question } from '../modes/mode.js';
import { Interruption } from '../driving/interruption.js';
import { sizedStream, type TerminalSize } from '../report/terminal-size.js';

interface Terminals {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stderr: TerminalSize & Writable & { readonly isTTY?: boolean };
  /** The question ends with it, too. */
  readonly signal: AbortSignal;
}

/**
 * @throws UsageError where there is no terminal to ask on; Interruption where the answer is not yes: nothing was
 *   done.
 */
export async function askOnTerminal(
  { message, typed }: Question,
  { stdin, stderr, signal }: Terminals,
): Promise<void> {
  if (stdin.isTTY !== true || stderr.isTTY !== true) {
    throw new UsageError(
      `${message} This asks before it begins, and there is no terminal to ask on: pass --yes to begin without a question, or --dry-run to see what it would do`,
    );
  }
  const streams = { input: stdin, output: sizedStream(stderr), signal };
  const answer =
    typed === undefined
      ? await confirm({ message: `${message} Continue?`, initialValue: false, ...streams })
      : await text({ message: `${message} Type ${typed} to continue:`, ...streams });
  signal.throwIfAborted();
  const isYes = typed === undefined ? answer === true : answer === typed;
  if (isCancel(answer) || !isYes) throw new Interruption('the operator: nothing was done');
}
