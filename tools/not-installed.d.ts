/** Stands in for `@azure/…` and `@opentelemetry/…` where they are not installed: tsconfig.dist.json maps those modules to this file. @module */
export {};
