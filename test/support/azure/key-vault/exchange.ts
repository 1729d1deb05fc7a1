/** One request and its answer: recorded, disturbed where the script says so, served. @module */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Context } from 'hono';
import type { IdentityProvider } from '../identity-provider.js';
import { refusalAnswer, scriptedBody, scriptedRefusal, spoiled, toResponse } from './answer.js';
import type { Answer } from './answer.js';
import { authenticate, Unauthorized } from './authentication.js';
import type { Behaviour } from './behaviour.js';
import type { FaultAction } from './fault.js';
import type { FaultScript } from './fault-script.js';
import { permissionFor, type Operation, type Permissions } from './operation.js';
import type { Quota } from './quota.js';
import { badParameter, forbidden } from './refusal.js';
import type { RequestLog, VaultRequest } from './request-log.js';
import type { Vault } from './vault.js';
import { serve, type VaultCall } from './work.js';

export type VaultContext = Context<{ Bindings: HttpBindings }>;

/** What exchanges act on. */
export interface ExchangeWorld {
  readonly vault: Vault;
  readonly identityProvider: IdentityProvider;
  readonly behaviour: Behaviour;
  readonly permissions: Permissions;
  readonly script: FaultScript;
  readonly log: RequestLog;
  readonly quota: Quota | undefined;
}

export async function exchange(
  world: ExchangeWorld,
  operation: Operation,
  c: VaultContext,
): Promise<Response> {
  const call = await readCall(operation, c);
  const recorded = world.log.begin(describe(call, c));
  try {
    const action = world.script.take(recorded);
    if (action) recorded.faulted = true;
    const response = await (action
      ? disturbed(world, { action, call, recorded, c })
      : served(world, call, c));
    if (response !== RESPONSE_ALREADY_SENT) recorded.status = response.status;
    return response;
  } finally {
    world.log.end();
  }
}

async function readCall(operation: Operation, c: VaultContext): Promise<VaultCall> {
  const { name = '', version = '' } = c.req.param() as { name?: string; version?: string };
  const bodyText = await c.req.text();
  return { operation, keyName: name, version, bodyText, url: new URL(c.req.url) };
}

function describe(
  { operation, keyName, version, bodyText }: VaultCall,
  c: VaultContext,
): VaultRequest {
  const algorithm = /"alg":"([^"]*)"/.exec(bodyText)?.[1];
  return {
    operation,
    keyName,
    version,
    authorized: c.req.header('authorization') !== undefined,
    hasBody: bodyText !== '',
    ...(algorithm !== undefined && { algorithm }),
  };
}

interface Disturbed {
  readonly action: FaultAction;
  readonly call: VaultCall;
  readonly recorded: VaultRequest;
  readonly c: VaultContext;
}

async function disturbed(
  world: ExchangeWorld,
  { action, call, recorded, c }: Disturbed,
): Promise<Response> {
  if ('hang' in action) return hang(c);
  if ('resetBefore' in action) return reset(c);
  if ('body' in action) return scriptedBody(action);
  if ('status' in action) return toResponse(scriptedRefusal(action));
  if ('challenge' in action) return toResponse(refusalAnswer(new Unauthorized(action.challenge)));
  if ('redirectTo' in action) return redirect(call, action.redirectTo);
  await prepare(world, action, recorded);
  const answer = spoiled(action, await answerTo(world, call, c));
  if ('resetAfter' in action) return reset(c);
  if ('truncateBody' in action) return truncate(c, answer);
  return toResponse(answer);
}

async function served(world: ExchangeWorld, call: VaultCall, c: VaultContext): Promise<Response> {
  return toResponse(await answerTo(world, call, c));
}

async function answerTo(world: ExchangeWorld, call: VaultCall, c: VaultContext): Promise<Answer> {
  try {
    const { identityProvider, behaviour } = world;
    await authenticate(c.req.header('authorization'), identityProvider, behaviour);
    if (!call.url.searchParams.get('api-version')) throw badParameter('"api-version" is required.');
    world.quota?.take();
    requirePermission(world, call.operation);
    return await serve(world.vault, call);
  } catch (error) {
    return refusalAnswer(error);
  }
}

function requirePermission({ permissions, behaviour }: ExchangeWorld, operation: Operation): void {
  const permission = permissionFor(operation);
  if (permission === undefined || permissions[permission]) return;
  throw forbidden(behaviour.denial, `The caller may not ${permission} keys of this vault.`);
}

async function prepare(
  world: ExchangeWorld,
  action: FaultAction,
  request: VaultRequest,
): Promise<void> {
  const { vault, identityProvider } = world;
  // Of no reference: who stops the server does not wait for it.
  if ('delayMs' in action) await sleep(action.delayMs, undefined, { ref: false });
  if ('first' in action) await action.first(request);
  if ('expireTokens' in action) identityProvider.revokeTokens();
  if ('disableFirst' in action) {
    vault.update(request.keyName, action.disableFirst, { enabled: false });
  }
  if ('rotateFirst' in action) {
    await vault.rotate(action.rotateFirst === true ? request.keyName : action.rotateFirst);
  }
}

async function hang({ env: { outgoing } }: VaultContext): Promise<Response> {
  if (!outgoing.destroyed) await once(outgoing, 'close');
  return RESPONSE_ALREADY_SENT;
}

function reset({ env: { incoming } }: VaultContext): Response {
  incoming.socket.destroy();
  return RESPONSE_ALREADY_SENT;
}

/** As long as announced it never gets. */
function truncate(
  { env: { incoming, outgoing } }: VaultContext,
  { status, body }: Answer,
): Response {
  const text = JSON.stringify(body ?? {});
  outgoing.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': text.length,
  });
  outgoing.write(text.slice(0, text.length / 2), () => {
    incoming.socket.destroy();
  });
  return RESPONSE_ALREADY_SENT;
}

function redirect({ url }: VaultCall, origin: string): Response {
  const location = new URL(url.pathname + url.search, origin).href;
  return new Response(null, { status: 307, headers: { location } });
}
