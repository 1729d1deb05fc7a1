/** Every entry point has types that compile with the checks of libraries on. @module */
export type * as adapters from '@bytelyst/field-encrypt/adapters';
export type * as audit from '@bytelyst/field-encrypt/audit';
export type * as cosmos from '@bytelyst/field-encrypt/azure/cosmos';
export type * as keyVault from '@bytelyst/field-encrypt/azure/key-vault';
export type * as otel from '@bytelyst/field-encrypt/otel';
export type * as sqlite from '@bytelyst/field-encrypt/sqlite';
export type * as testing from '@bytelyst/field-encrypt/testing';
