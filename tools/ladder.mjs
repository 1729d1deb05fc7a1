/**
 * The folders of `src`, from the bottom to the top: a file imports from its own folder and from those of
 * lower rungs, types included. Folders on one rung do not import each other.
 */
export const LADDER = [
  ['guards'],
  ['errors'],
  ['crypto'],
  ['async'],
  ['format'],
  ['diagnostics'],
  ['audit'],
  ['document'],
  ['provider'],
  ['store'],
  ['dek'],
  ['cipher'],
  ['audit-sinks', 'azure', 'sqlite', 'testing'],
  ['run'],
  ['otel', 'rotation'],
  ['maintenance', 'migration', 'recovery'],
  ['inspection'],
  ['encryptor'],
  ['adapters.ts', 'index.ts'],
];

/** The same of `command`, which reaches `src` only as a user of the package does. */
export const COMMAND_LADDER = [
  ['command-line'],
  ['config'],
  ['report'],
  ['driving'],
  ['modes'],
  ['main'],
];

/** @returns The folders that a folder may not import from. */
export function above(folder, ladder = LADDER) {
  const rung = ladder.findIndex((folders) => folders.includes(folder));
  return ladder
    .slice(rung)
    .flat()
    .filter((each) => each !== folder);
}
