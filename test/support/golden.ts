import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const VECTORS: string = join(import.meta.dirname, '..', 'vectors');

export function readGolden<T>(name: string): T {
  return JSON.parse(readFileSync(join(VECTORS, name), 'utf8')) as T;
}

export function fromHex(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}
