/** The files of a report: made before anything is done, and written in the end. @module */
import { extname, resolve } from 'node:path';
import { UsageError } from '../command-line/usage-error.js';
import { NewFile } from './new-file.js';
import type { ReportFormat } from './report-seal.js';

export interface ReportFile {
  readonly format: ReportFormat;
  /** As the operator named it. */
  readonly name: string;
  readonly file: NewFile;
}

/**
 * @param names - The flag says that they end in .json or .html.
 * @throws UsageError where one of them exists or cannot be made; none is left then.
 */
export function makeReportFiles(folder: string, names: readonly string[]): readonly ReportFile[] {
  requireOneOfEach(names);
  const made: ReportFile[] = [];
  try {
    for (const name of names) {
      const format = extname(name) === '.json' ? 'json' : 'html';
      made.push({ format, name, file: new NewFile(resolve(folder, name), 'report', name) });
    }
    return made;
  } catch (error) {
    for (const { file } of made) file.discard();
    throw error;
  }
}

function requireOneOfEach(names: readonly string[]): void {
  for (const ending of ['.json', '.html']) {
    const same = names.filter((name) => extname(name) === ending);
    if (same.length < 2) continue;
    throw new UsageError(`--report: ${same.join(' and ')} are both ${ending}: keep one of them`);
  }
}
