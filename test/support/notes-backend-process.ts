/** The notes backend as a process that ends with its test. @module */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { RunningBackend, type Variables } from './running-backend.js';

export {
  installedBackend,
  type Answer,
  type LogLine,
  type RequestOptions,
  type Variables,
} from './running-backend.js';

/** A folder for the files of one test. */
export function folderForTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'field-encrypt-test-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export class BackendProcess extends RunningBackend {
  private constructor(env: Variables) {
    super(env);
    onTestFinished(() => {
      this.signal('SIGKILL');
    });
  }

  /** @param env - All variables that it has, but for the port. */
  static async start(env: Variables): Promise<BackendProcess> {
    const backend = BackendProcess.begin(env);
    await backend.untilListening();
    return backend;
  }

  /** Does not wait until it listens. */
  static begin(env: Variables): BackendProcess {
    return new BackendProcess(env);
  }
}
