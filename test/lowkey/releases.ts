/** The releases of Lowkey Vault that are tried, and the Java that each needs. @module */

export interface Release {
  readonly version: string;
  /** The oldest Java that runs it. */
  readonly java: number;
  /** The newest API of Key Vault that it speaks. */
  readonly apiVersion: string;
}

/** Newest first. Java as their builds ask for it: 25 since 5.0.0, 21 since 4.0.0, 17 before. */
export const RELEASES: readonly Release[] = [
  { version: '7.3.74', java: 25, apiVersion: '2025-07-01' },
  { version: '7.1.32', java: 25, apiVersion: '7.6' },
  { version: '4.1.0', java: 21, apiVersion: '7.6' },
  { version: '3.4.0', java: 17, apiVersion: '7.5' },
];

/** @returns Those that run on it, newest first. */
export function releasesFor(java: number): readonly Release[] {
  return RELEASES.filter((release) => release.java <= java);
}
