export const LADDER: readonly (readonly string[])[];
export function above(folder: string): string[];
