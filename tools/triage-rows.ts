/** Reads the table of messages of the triage page. @module */

export interface TriageRow {
  /** The title of its section: a code of the library, or a kind of message. */
  readonly section: string;
  readonly message: string;
  readonly meaning: string;
  readonly action: string;
}

export function triageRows(page: string): readonly TriageRow[] {
  return page.split(/^## /m).flatMap((part) => {
    const [title = '', ...lines] = part.split('\n');
    const rows = lines.filter((line) => line.startsWith('| `'));
    return title.startsWith('How to') ? [] : rows.map((line) => rowOf(title, line));
  });
}

function rowOf(section: string, line: string): TriageRow {
  const [message = '', meaning = '', action = ''] = line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll(String.raw`\|`, '|'));
  return { section, message: message.slice(1, -1), meaning, action };
}

const SECTIONS: Readonly<Record<string, string>> = {
  // A row that a rotation missed: the code is that of the refusal.
  '<code>': 'MEK_DISABLED',
  CosmosFailure: 'Causes',
  DOMException: 'Causes',
  Error: 'Causes',
  Interruption: 'Command line',
  RangeError: 'Misuse',
  TokenFailure: 'Causes',
  TypeError: 'Misuse',
  finding: 'Findings of checks',
  note: 'Command line',
};

/** @param places - The first says whether a usage error is about the configuration or about the command line. */
export function sectionOf(code: string, [place = '']: readonly string[]): string {
  if (code !== 'UsageError') return SECTIONS[code] ?? code;
  return place.startsWith('command/config/') ? 'Configuration of the command' : 'Command line';
}

/** Whether a text that was printed is this message, with values in place of `<name>`. */
export function isPrinted(message: string, text: string): boolean {
  const parts = message
    .split(/<[^<>]*>/)
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
  return new RegExp(`${parts.join('[^]*?')}$`).test(text.trim().replaceAll(/\s*\n\s*/g, ' '));
}
