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
  ['document'],
  ['provider'],
  ['store'],
  ['dek'],
  ['cipher'],
  ['azure', 'sqlite', 'testing'],
  ['run'],
  ['rotation'],
  ['maintenance', 'migration', 'recovery'],
  ['inspection'],
  ['encryptor'],
  ['adapters.ts', 'index.ts'],
];

/** @returns The folders that a folder may not import from. */
export function above(folder) {
  const rung = LADDER.findIndex((folders) => folders.includes(folder));
  return LADDER.slice(rung)
    .flat()
    .filter((each) => each !== folder);
}
