/** Checks a signature of Standard Webhooks with Node.js alone: it shares nothing with what it checks. @module */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export function isGenuine(headers: IncomingHttpHeaders, body: string, secret: string): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const [id, time] = [headers['webhook-id'], headers['webhook-timestamp']];
  const expected = createHmac('sha256', key)
    .update(`${String(id)}.${String(time)}.${body}`)
    .digest();
  return String(headers['webhook-signature'])
    .split(' ')
    .map((each) => Buffer.from(each.replace('v1,', ''), 'base64'))
    .some((mac) => mac.length === expected.length && timingSafeEqual(mac, expected));
}
