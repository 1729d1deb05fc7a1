/** The address of the audit service. @module */
import { requireText } from '../guards/guards.js';

const LOCAL: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** @throws TypeError for anything else; the message does not have the address, which may hold a token. */
export function readServiceUrl(text: string): URL {
  requireText('url', text);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url) throw new TypeError('"url" expected an address that begins with "https://"');
  if (url.username !== '' || url.password !== '') {
    throw new TypeError('"url" expected no user and no password: pass "authorization"');
  }
  const isAllowed = url.protocol === 'https:' || (url.protocol === 'http:' && isLocal(url));
  if (isAllowed) return url;
  throw new TypeError('"url" expected "https:", or "http:" for this machine');
}

function isLocal({ hostname }: URL): boolean {
  return LOCAL.includes(hostname);
}
