/**
 * A child process: writes the events of one operation to a sink, and prints each that was acknowledged. In the end, and
 * alone where it writes none, it waits until everything is sent and prints what was left unfinished.
 */
import { randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { FileAuditSink, HttpAuditSink } from '@bytelyst/field-encrypt/audit';

const { sink: options, source, items, flushMs } = JSON.parse(process.argv[2]);
const sink = options.url ? new HttpAuditSink(options) : new FileAuditSink(options);
let sequence = 0;

function say(line) {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

async function write(what, facts = {}) {
  const id = randomUUID();
  sequence += 1;
  const operation = { id: source, kind: 'run', name: 'rewrapAllDeks' };
  await sink.write({
    specversion: '1.0',
    id,
    source,
    type: `com.bytelyst.field-encrypt.${what}.v1`,
    subject: 'notelett',
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    sequence: String(sequence).padStart(10, '0'),
    data: { operation, ...facts },
  });
  say({ id, sequence, what });
}

if (items !== undefined) {
  await write('operation.started');
  for (let item = 0; item < items; item += 1) await write('item.failed', { errorCode: 'TAMPERED' });
  await write('operation.finished');
}
const backlog = options.url ? await sink.flush({ timeoutMs: flushMs }) : undefined;
const starts = await sink.unfinished();
say({ backlog, unfinished: starts.map(({ data }) => data.operation.id) });
await sink.close();
