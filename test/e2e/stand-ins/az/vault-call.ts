/** One request to a vault, signed in as the environment says. @module */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { text } from 'node:stream/consumers';
import { AzError } from './az-error.js';

export type Json = Readonly<Record<string, unknown>>;

const API_VERSION = '7.6';

export async function callVault(
  vault: string,
  method: string,
  path: string,
  body?: Json,
): Promise<Json> {
  const address = `${addressOf(vault)}${path}?api-version=${API_VERSION}`;
  return exchange(address, { method, body: body && JSON.stringify(body) });
}

/** All pages of a listing. */
export async function listVault(vault: string, path: string): Promise<readonly Json[]> {
  const items: Json[] = [];
  let next: unknown = `${addressOf(vault)}${path}?api-version=${API_VERSION}`;
  while (typeof next === 'string') {
    const answer = await exchange(next, { method: 'GET' });
    items.push(...(answer['value'] as Json[]));
    next = answer['nextLink'];
  }
  return items;
}

interface Sent {
  readonly method: string;
  readonly body?: string | undefined;
}

async function exchange(address: string, { method, body = '' }: Sent): Promise<Json> {
  const headers = {
    authorization: `Bearer ${await token()}`,
    ...(body !== '' && { 'content-type': 'application/json' }),
  };
  const sent = request(address, { method, headers, lookup });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const received = await text(response);
  const answer = (received === '' ? {} : JSON.parse(received)) as Json;
  const { statusCode: status = 0 } = response;
  if (status >= 300) throw refusal(status, answer);
  return answer;
}

/** The names of vaults are on loopback. */
const lookup: LookupFunction = (_host, { all }, found) => {
  if (all) found(null, [{ address: '127.0.0.1', family: 4 }]);
  else found(null, '127.0.0.1', 4);
};

/** `E2E_VAULTS` has `name=address` of each. */
function addressOf(vault: string): string {
  const pairs = (process.env['E2E_VAULTS'] ?? '').split(' ').map((pair) => pair.split('='));
  const address = pairs.find(([name]) => name === vault)?.[1];
  if (address === undefined) {
    throw new AzError(
      `HTTPSConnectionPool(host='${vault}.vault.azure.net', port=443): Max retries exceeded (Name or service not known)`,
    );
  }
  return address;
}

let signedIn: Promise<string> | undefined;

function token(): Promise<string> {
  return (signedIn ??= signIn());
}

async function signIn(): Promise<string> {
  const { AZURE_AUTHORITY_HOST, AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET } =
    process.env;
  if (!AZURE_CLIENT_SECRET) throw new AzError("Please run 'az login' to setup account.");
  const address = `${String(AZURE_AUTHORITY_HOST)}/${String(AZURE_TENANT_ID)}/oauth2/v2.0/token`;
  const response = await fetch(address, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: String(AZURE_CLIENT_ID),
      client_secret: AZURE_CLIENT_SECRET,
      scope: 'https://vault.azure.net/.default',
    }),
  });
  const answer = (await response.json()) as { readonly access_token?: string };
  if (answer.access_token === undefined) throw new AzError('AADSTS7000215: Invalid client secret.');
  return answer.access_token;
}

function refusal(status: number, answer: Json): AzError {
  const {
    code = '',
    message = '',
    innererror,
  } = (answer['error'] ?? {}) as {
    readonly code?: string;
    readonly message?: string;
    readonly innererror?: { readonly code?: string };
  };
  const inner =
    innererror?.code === undefined ? '' : `\nInner error: {\n    "code": "${innererror.code}"\n}`;
  return new AzError(
    `(${code}) ${message}\nCode: ${code}\nMessage: ${message}${inner}`,
    status === 404 ? 3 : 1,
  );
}
