/** Whether output has colours. @module */
import pico from 'picocolors';

export type Colors = ReturnType<typeof pico.createColors>;

export interface Terminal {
  readonly isTTY?: boolean;
}

/** @param env - `NO_COLOR` with any text turns colours off, by the convention of that name. */
export function colorsFor(
  stream: Terminal,
  {
    noColor,
    env,
  }: {
    readonly noColor: boolean;
    readonly env: Readonly<Record<string, string | undefined>>;
  },
): Colors {
  const isOff = noColor || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return pico.createColors(stream.isTTY === true && !isOff);
}
