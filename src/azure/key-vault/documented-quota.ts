/** How many operations Azure allows on one key vault in one region: its page "service limits". @module */

/** In ten seconds, of software and of HSM keys; all operations on a vault count together, weighted so. */
const OPS_IN_10_S: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  RSA: { 2048: 4_000, 3072: 1_000, 4096: 500 },
  'RSA-HSM': { 2048: 2_000, 3072: 500, 4096: 250 },
};
const MANAGED_HSM = /\.managedhsm\.[a-z.]+$/;

/** `undefined` for a key of which nothing is documented. */
export function documentedOpsPerSecond(
  keyType: string | undefined,
  modulusBits: number,
): number | undefined {
  const inTenSeconds = OPS_IN_10_S[keyType ?? '']?.[modulusBits];
  return inTenSeconds === undefined ? undefined : inTenSeconds / 10;
}

/** It throttles no cryptography; its keys have the types of those in a vault. */
export function isManagedHsm(vaultUrl: string): boolean {
  return MANAGED_HSM.test(new URL(vaultUrl).hostname);
}
