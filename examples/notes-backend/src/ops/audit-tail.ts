/** The newest events of the audit file, which the command may write too. @module */
import { open } from 'node:fs/promises';
import { z } from 'zod';

export interface ShownEvent {
  readonly id: string;
  readonly time: string;
  /** `operation.started`, for example. */
  readonly what: string;
  /** Of the operation: `rewrapAllDeks`, for example. */
  readonly name?: string;
  readonly errorCode?: string;
  readonly user?: string;
}

export interface AuditTail {
  /** Newest first. */
  readonly events: readonly ShownEvent[];
  readonly failure?: string;
}

const MOST_BYTES = 65_536;
const MOST_EVENTS = 8;
const TYPE = /^com\.bytelyst\.field-encrypt\.([a-z.-]{1,40})\.v\d+$/;

const short = z.string().max(200);
/** All that is shown: other properties of an event do not reach the page. */
const lineSchema = z.object({
  id: short,
  time: short,
  type: z.string().regex(TYPE),
  data: z.object({
    actor: z.object({ user: short.optional() }).optional(),
    operation: z.object({ name: short }).optional(),
    errorCode: short.optional(),
    record: short.optional(),
  }),
});

/** Absent file: no event so far. */
export async function readAuditTail(file: string): Promise<AuditTail> {
  try {
    return { events: eventsIn(await endOf(file)) };
  } catch (error) {
    const { code = 'OTHER' } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? { events: [] } : { events: [], failure: code };
  }
}

/** Whole lines of the last 64 KiB. */
async function endOf(file: string): Promise<string> {
  await using handle = await open(file, 'r');
  const { size } = await handle.stat();
  const from = Math.max(0, size - MOST_BYTES);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), {
    position: from,
  });
  const text = buffer.subarray(0, bytesRead).toString();
  return from === 0 ? text : text.slice(text.indexOf('\n') + 1);
}

function eventsIn(text: string): readonly ShownEvent[] {
  const events = text.split('\n').flatMap((line) => {
    const event = shownEvent(line);
    return event ? [event] : [];
  });
  return events.slice(-MOST_EVENTS).reverse();
}

function shownEvent(line: string): ShownEvent | undefined {
  const read = lineSchema.safeParse(parsed(line));
  if (!read.success) return undefined;
  const { id, time, type, data } = read.data;
  const { operation, record, errorCode, actor } = data;
  const name = operation?.name ?? record;
  return {
    id,
    time,
    what: String(TYPE.exec(type)?.[1]),
    ...(name !== undefined && { name }),
    ...(errorCode !== undefined && { errorCode }),
    ...(actor?.user !== undefined && { user: actor.user }),
  };
}

/** A line may be cut off, or be written just now. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
