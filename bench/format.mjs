/** What docs/format.md derives names and keys from, written after it and not after the library. @module */
import { hkdfSync } from 'node:crypto';

export function tuple(...parts) {
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(part));
      return [length, Buffer.from(part)];
    }),
  );
}

export function hkdf(secret, ...info) {
  return Buffer.from(hkdfSync('sha256', secret, '', tuple(...info), 32));
}
