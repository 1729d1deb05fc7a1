/** Looks for key bytes in a text, in the ways in which bytes get printed. @module */

const LEAST_BYTES = 12;

/** True where the text holds the first bytes of a secret as hex, base64 or a list of numbers. */
export function revealsSecret(text: string, secrets: readonly Uint8Array[]): boolean {
  const dense = text.replaceAll(/\s/g, '');
  return secrets.some((secret) => {
    const start = Buffer.from(secret).subarray(0, LEAST_BYTES);
    const printed = [
      start.toString('hex'),
      start.toString('hex').toUpperCase(),
      start.toString('base64'),
      start.toString('base64url'),
      start.toString('latin1').replaceAll(/\s/g, ''),
      [...start].join(','),
    ];
    return printed.some((each) => dense.includes(each));
  });
}
