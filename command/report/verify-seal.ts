/** Reads a report from its file, in flat memory, and says whether it is genuine. @module */
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { extname } from 'node:path';
import { UsageError } from '../command-line/usage-error.js';
import type { Seal } from './evidence-schema.js';
import type { Finding } from './mode-report.js';
import { Digest, MOST_LINE_BYTES, type ReportFormat, sealIn } from './report-seal.js';
import { isSignedBy } from './report-signature.js';

export interface SealedReport {
  readonly format: ReportFormat;
  /** Of all bytes before the last line; of all of them without a seal. */
  readonly sha256: string;
  /** Absent where the last line is none. */
  readonly seal?: Seal;
}

/**
 * @param path - The whole path.
 * @param file - As the operator named it.
 * @throws UsageError where there is no such file, or it has another ending.
 */
export async function readSealedReport(path: string, file: string): Promise<SealedReport> {
  const format = formatOf(file);
  const handle = await opened(path, file);
  try {
    const { size } = await handle.stat();
    const line = await lastLine(handle, size);
    const seal = sealIn(format, line.toString());
    const end = seal ? size - line.length : size;
    return { format, sha256: await digestOf(handle, end), ...(seal && { seal }) };
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    await handle.close();
  }
}

function formatOf(file: string): ReportFormat {
  const ending = extname(file);
  if (ending === '.json') return 'json';
  if (ending === '.html') return 'html';
  throw new UsageError(`--file: ${file} is no report: its name ends in .json or .html`);
}

async function opened(path: string, file: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw isGone ? new UsageError(`--file: there is no file ${file}`) : unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): UsageError {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  return new UsageError(`--file: ${file} cannot be read (${code})`);
}

/** With the line feed that ends it; of a longer line, its end. */
async function lastLine(handle: FileHandle, size: number): Promise<Buffer> {
  const length = Math.min(size, MOST_LINE_BYTES);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
  const end = buffer.subarray(0, bytesRead);
  return end.subarray(end.lastIndexOf('\n', end.length - 2) + 1);
}

async function digestOf(handle: FileHandle, end: number): Promise<string> {
  const digest = new Digest();
  if (end === 0) return digest.hex;
  const stream = createReadStream('', {
    fd: handle,
    start: 0,
    end: end - 1,
    autoClose: false,
  });
  for await (const part of stream) digest.add(part as Buffer);
  return digest.hex;
}

/** Fails where anything else than these bytes was sealed, or with another secret. */
export function verifySeal(
  { sha256, seal }: SealedReport,
  secrets: readonly string[],
): Pick<Finding, 'action' | 'check' | 'level' | 'message'> {
  const check = 'report-seal';
  const fail = (message: string, action: string) =>
    ({ level: 'fail', check, message, action }) as const;
  if (!seal) {
    return fail(
      'has no seal in its last line: it is incomplete, or was changed',
      'Where the command was killed, the file has what was done until then: run the command again, with a new report',
    );
  }
  if (seal.sha256 !== sha256) {
    return fail(
      'was changed after it was sealed',
      'Do not rely on it: get the file from where it was written',
    );
  }
  if (seal.signature === undefined) {
    return fail(
      'is not signed: no secret was configured when it was written',
      'Anyone can write such a report: configure "reportSecrets" where reports are made',
    );
  }
  if (!isSignedBy(seal, secrets)) {
    return fail(
      'is signed with another secret, or its seal was changed',
      'Configure the secret that it was made with, or do not rely on it',
    );
  }
  return {
    level: 'ok',
    check,
    message: 'is whole, unchanged, and signed with a configured secret',
  };
}
