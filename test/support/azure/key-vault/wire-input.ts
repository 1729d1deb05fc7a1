/** What clients send, taken apart and judged. @module */
import { isPlainObject } from '../../../../src/guards/guards.js';
import type { KeyType } from './key-material.js';
import type { VersionOptions } from './key-versions.js';
import { badParameter } from './refusal.js';
import type { CreateKeyOptions } from './vault.js';

type Json = Record<string, unknown>;

const TYPES: readonly string[] = ['RSA', 'RSA-HSM', 'EC', 'EC-HSM', 'oct', 'oct-HSM'];

export interface CipherInput {
  readonly algorithm: string;
  readonly value: Buffer;
}

export function parseBody(text: string): Json {
  if (text === '') return {};
  try {
    const body: unknown = JSON.parse(text);
    if (isPlainObject(body)) return body;
  } catch {
    // Refused like any other thing that is no object.
  }
  throw badParameter('The body is not a JSON object.');
}

export function createInput(body: Json): CreateKeyOptions {
  const { kty } = body;
  if (typeof kty !== 'string' || !TYPES.includes(kty)) {
    throw badParameter('Property "kty" is not a type of key.');
  }
  return {
    type: kty as KeyType,
    size: optionalNumber(body, 'key_size'),
    exponent: optionalNumber(body, 'public_exponent'),
    curve: typeof body['crv'] === 'string' ? body['crv'] : undefined,
    ...versionInput(body),
  };
}

export function versionInput(body: Json): VersionOptions {
  const attributes = isPlainObject(body['attributes']) ? body['attributes'] : {};
  const { enabled } = attributes;
  return {
    enabled: typeof enabled === 'boolean' ? enabled : undefined,
    expiresOn: optionalDate(attributes, 'exp'),
    notBefore: optionalDate(attributes, 'nbf'),
    keyOps: body['key_ops'] as readonly string[] | undefined,
    tags: body['tags'] as Readonly<Record<string, string>> | undefined,
  };
}

export function cipherInput(body: Json): CipherInput {
  const { alg } = body;
  if (typeof alg !== 'string') throw badParameter('Property "alg" is required.');
  return { algorithm: alg, value: bytesIn(body) };
}

export function backupInput(body: Json): Buffer {
  return bytesIn(body);
}

function bytesIn({ value }: Json): Buffer {
  if (typeof value !== 'string' || !/^[A-Za-z0-9_-]+$/.test(value)) {
    throw badParameter('Property "value" is required, as base64url.');
  }
  return Buffer.from(value, 'base64url');
}

function optionalNumber(body: Json, name: string): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number') throw badParameter(`Property "${name}" is not a number.`);
  return value;
}

function optionalDate(body: Json, name: string): Date | null | undefined {
  if (body[name] === null) return null;
  const seconds = optionalNumber(body, name);
  return seconds === undefined ? undefined : new Date(seconds * 1000);
}
