/** Faults of the disk: methods of open files that fail, or do half of their work. @module */
import { open, type FileHandle } from 'node:fs/promises';
import { onTestFinished } from 'vitest';

type Method = 'datasync' | 'stat' | 'sync' | 'truncate' | 'write';
type Call = (...args: unknown[]) => Promise<unknown>;

/** @returns Whether, and how, one call fails. `original` does what it would do. */
export type Fault = (original: Call, args: unknown[]) => Promise<unknown>;

/** Until the test ends; what it returns ends it before. */
export async function disturb(method: Method, fault: Fault): Promise<() => void> {
  const prototype = await prototypeOfHandles();
  const original = prototype[method];
  prototype[method] = function disturbed(this: unknown, ...args: unknown[]) {
    return fault((...given) => original.apply(this, given), args);
  };
  const restore = (): void => {
    prototype[method] = original;
  };
  onTestFinished(restore);
  return restore;
}

export function noSpace(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
}

/** Half of the bytes, then a full disk. */
export const halfThenFull: Fault = async (original, [bytes, offset = 0, length, position]) => {
  const all = (length as number | undefined) ?? (bytes as Buffer).length;
  await original(bytes, offset, all >> 1, position ?? null);
  throw noSpace();
};

async function prototypeOfHandles(): Promise<Record<Method, Call>> {
  const handle: FileHandle = await open('/dev/null');
  const prototype = Object.getPrototypeOf(handle) as Record<Method, Call>;
  await handle.close();
  return prototype;
}
