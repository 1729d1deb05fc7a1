/** How one would write it without measuring: what the library's seal must be well ahead of. @module */
import { createCipheriv, randomBytes } from 'node:crypto';

export function seal(key, text, aad) {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
  cipher.setAAD(aad);
  const plaintext = Buffer.concat([Buffer.from([1]), Buffer.from(text, 'utf8')]);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([nonce, ciphertext, cipher.getAuthTag()]).toString('base64url');
}
