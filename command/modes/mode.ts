/** What the modes are given, and what they return. @module */
import type { Readable } from 'node:stream';
import type { Clock } from '@bytelyst/field-encrypt';
import type * as z from 'zod';
import type { ExitCode } from '../command-line/exit-codes.js';
import type { FlagValues } from '../command-line/flag-values.js';
import type { RawFlags } from '../command-line/flags.js';
import type { LoadedConfig } from '../config/config-file.js';
import type { OpenProduct } from '../config/open-product.js';
import type { Driver } from '../driving/drive-run.js';
import type { Finding, NextStep } from '../report/mode-report.js';
import type { View } from '../report/view.js';
import type { ModeName } from './mode-table.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ModeContext extends Driver {
  readonly mode: ModeName;
  readonly flags: FlagValues;
  /** The flags as text, for commands that are printed. */
  readonly raw: RawFlags;
  /** The flags of the command that resumes this one: a mode fixes here what would be different later. */
  resumeFlags: RawFlags;
  readonly env: Environment;
  /** The working directory. */
  readonly folder: string;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly clock: Clock;
  /** The configuration, read at the first call. */
  readonly config: () => Promise<LoadedConfig>;
  /** The product of the command, opened at the first call: nothing is read or connected before it is used. */
  readonly product: () => Promise<OpenProduct>;
  /**
   * Asks before what cannot be undone.
   *
   * @throws UsageError where there is no terminal to ask on; Interruption where the answer is no.
   */
  readonly confirm: (question: Question) => Promise<void>;
}

export interface Question {
  /** What will happen, with the figures. */
  readonly message: string;
  /** The text to type; without it, a yes is enough. */
  readonly typed?: string;
}

export interface ModeOutcome {
  readonly exitCode: ExitCode;
  /** As JSON, by the mode's schema. */
  readonly result?: unknown;
  /** In report files, in place of `result` and `views`: without what only the terminal may show. */
  readonly reportedResult?: unknown;
  /** The same for people. */
  readonly views?: readonly View[];
  readonly findings?: readonly Finding[];
  readonly next?: readonly NextStep[];
  /** An event of its own for the audit trail. */
  readonly audit?: {
    readonly what: 'drill.finished' | 'preflight.checked';
    readonly facts: Readonly<Record<string, unknown>>;
  };
  /** What ended the mode, where a part of it was done before: otherwise the mode throws. */
  readonly error?: unknown;
}

/** A file of this folder. */
export interface ModeModule {
  /** Of `result`. */
  readonly resultSchema: z.ZodType;
  readonly run: (context: ModeContext) => Promise<ModeOutcome>;
}
