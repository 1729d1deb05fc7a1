/** Writes command lines for people to copy. @module */
import { FLAG_NAMES, type FlagName, type RawFlags } from './flags.js';

/** Flags of the output, which a command that is printed does not repeat. */
const LEFT_OUT: readonly FlagName[] = ['json', 'report', 'no-color', 'format', 'quiet'];
const PLAIN = /^[A-Za-z0-9_./:=@%+,-]+$/;

/** @returns The command as a shell takes it; flags in the order of help. */
export function commandText(mode: string, flags: RawFlags): string {
  const parts = FLAG_NAMES.filter((name) => !LEFT_OUT.includes(name)).flatMap((name) => {
    const value = flags[name];
    if (value === undefined || value === false) return [];
    if (value === true) return [`--${name}`];
    return [value].flat().map((each) => `--${name} ${quoted(each)}`);
  });
  return ['encrypt-migrate', mode, ...parts].join(' ');
}

function quoted(text: string): string {
  return PLAIN.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** The key of a document can be personal data. */
export function withoutDocumentKeys({ 'document-key': key, ...flags }: RawFlags): RawFlags {
  return key === undefined ? flags : { ...flags, 'document-key': 'left-out' };
}
