/** Sinks of a test, which are closed after it. @module */
import { onTestFinished } from 'vitest';
import {
  FileAuditSink,
  HttpAuditSink,
  type FileAuditSinkOptions,
  type HttpAuditSinkOptions,
} from '../../src/audit-sinks/index.js';
import type { AuditReceiver } from './audit-receiver.js';
import { SECRET } from './audit-receiver.js';

type Choice = Partial<HttpAuditSinkOptions> & Pick<HttpAuditSinkOptions, 'folder'>;

export function httpSink({ url }: Pick<AuditReceiver, 'url'>, choice: Choice): HttpAuditSink {
  const sink = new HttpAuditSink({ url, secrets: [SECRET], ...choice });
  onTestFinished(() => sink.close());
  return sink;
}

export function fileSink(options: FileAuditSinkOptions): FileAuditSink {
  const sink = new FileAuditSink(options);
  onTestFinished(() => sink.close());
  return sink;
}
