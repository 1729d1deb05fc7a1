/** The exit codes of the command. @module */

export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  findings: 3,
  unreachable: 4,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each code means, for help and the manifest. */
export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  0: 'done',
  1: 'some items failed, each of them named, or the result could not be written',
  2: 'the command line or the configuration is wrong',
  3: 'a check says no: findings',
  4: 'the key service or the store cannot be reached',
  130: 'interrupted; the command that resumes was printed',
};
