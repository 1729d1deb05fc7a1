export function proseFindings(
  name: string,
  text: string,
): Promise<readonly { line: number; reason: string }[]>;
