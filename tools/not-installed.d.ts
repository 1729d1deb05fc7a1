/** Stands in for `@azure/…` where it is not installed: tsconfig.dist.json maps those modules to this file. @module */
export {};
