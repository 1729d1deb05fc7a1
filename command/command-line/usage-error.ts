/** Mistakes in a command line or a configuration. @module */

/** The command cannot start: each problem says what is wrong, where, and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly problems: readonly string[];

  /** @param problems - Never quote a value that may be a secret. */
  constructor(problems: string | readonly string[]) {
    const all = typeof problems === 'string' ? [problems] : problems;
    super(all.length === 1 ? all[0] : all.map((each) => `- ${each}`).join('\n'));
    this.problems = all;
  }
}
