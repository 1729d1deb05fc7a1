/** What the stand-in prints after `ERROR:`, and how it ends. @module */
export class AzError extends Error {
  readonly exitCode: number;

  /** @param exitCode - 1 where a service refuses, 2 where the command line is wrong, 3 where there is no such thing. */
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
