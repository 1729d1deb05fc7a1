/** An independent check of a report: it shares no code with the command. @module */
import { createHash, createHmac } from 'node:crypto';

/** @returns Whether the report is genuine, by the words of docs/command.md alone. */
export function isGenuine(report: string, secret: string): boolean {
  const lastLine = report.lastIndexOf('\n', report.length - 2) + 1;
  const { id, timestamp, sha256, signature } = JSON.parse(
    /\{.*\}(?= (?:\}|-->)\n$)/.exec(report.slice(lastLine))?.[0] ?? '{}',
  ) as Readonly<Record<string, number | string>>;
  const digest = createHash('sha256').update(report.slice(0, lastLine)).digest('hex');
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const mac = createHmac('sha256', key)
    .update(`${String(id)}.${String(timestamp)}.${digest}`)
    .digest('base64');
  return digest === sha256 && String(signature).split(' ').includes(`v1,${mac}`);
}
