import { FileAuditSink, HttpAuditSink } from '../../src/audit-sinks/index.js';
import { FieldEncryptionError } from '../../src/index.js';
import { auditEvent } from './audit-events.js';
import { rejection } from './failure.js';

const NOWHERE = 'no-such-folder';
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** The codes of the audit trail, each provoked, with its message. */
export const auditErrors = {
  AUDIT_FAILED: {
    type: FieldEncryptionError,
    provoke: async (): Promise<unknown> => {
      const sink = new FileAuditSink({ file: `${NOWHERE}/audit.jsonl` });
      return rejection(sink.write(auditEvent(1)));
    },
    message:
      'The audit file "no-such-folder/audit.jsonl" was not written (ENOENT), and the event is not recorded: create its folder, and try again',
  },
  AUDIT_FULL: {
    type: FieldEncryptionError,
    provoke: async (): Promise<unknown> => {
      const options = { url: 'http://localhost:9/', secrets: [SECRET], folder: NOWHERE };
      const sink = new HttpAuditSink({ ...options, maxBytes: 65_536 });
      const long = auditEvent(1, { facts: { text: 'x'.repeat(65_536) } });
      const error = await rejection(sink.write(long));
      await sink.close();
      return error;
    },
    message:
      'The audit spool "no-such-folder" holds 0 bytes that are not sent, and may hold 65536 (last failure: none): make the audit service reachable, or raise "maxBytes", and try again',
    retryable: true,
  },
};
