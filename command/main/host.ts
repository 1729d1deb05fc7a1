/** The process that the command runs in. @module */
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '@bytelyst/field-encrypt';

export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: string;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly signals: Pick<NodeJS.Process, 'off' | 'on'>;
  readonly clock: Clock;
  readonly exit: (code: number) => void;
}
