/** Needs the built package. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { NotesBackend } from '../support/notes-backend.js';

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
  readonly security?: readonly object[];
}

interface Api {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

async function describedApi(backend: NotesBackend): Promise<Api> {
  return (await backend.call('GET', '/openapi.json', { token: null })).body as Api;
}

describe('the description of the API', () => {
  it('is valid OpenAPI', async () => {
    const api = await describedApi(await NotesBackend.start());
    expect(api.openapi).toBe('3.1.0');
    const result = await new Validator().validate({ ...structuredClone(api) });
    expect([result.valid, result.errors]).toEqual([true, undefined]);
  });

  it('is refused by the validator where it is wrong', async () => {
    const api = await describedApi(await NotesBackend.start());
    const wrong = { ...api, paths: { '/x': { get: { responses: 'none' } } } };
    expect((await new Validator().validate(wrong)).valid).toBe(false);
  });

  it('has every route, and the answers that it can give', async () => {
    const { paths } = await describedApi(await NotesBackend.start());
    const routes = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { responses }]) => [
        `${method.toUpperCase()} ${path}`,
        Object.keys(responses).join(' '),
      ]),
    );
    expect(Object.fromEntries(routes)).toEqual({
      'GET /health': '200',
      'GET /api/diagnostics/readiness': '200 503',
      'GET /ops/events': '200 400 401 403 429 500 503',
      'POST /api/notes': '201 400 401 403 413 415 422 429 500 503',
      'GET /api/notes': '200 400 401 403 429 500 503',
      'GET /api/notes/{id}': '200 304 400 401 403 404 410 429 500 503',
      'PUT /api/notes/{id}': '200 400 401 403 404 410 412 413 415 422 428 429 500 503',
      'PATCH /api/notes/{id}': '200 400 401 403 404 410 412 413 415 422 428 429 500 503',
      'DELETE /api/notes/{id}': '204 400 401 403 404 412 428 429 500 503',
    });
  });

  it('says which requests need a token, and If-Match', async () => {
    const { paths } = await describedApi(await NotesBackend.start());
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, { security, parameters = [] }] of Object.entries(operations)) {
        const needsToken = /^\/(api\/notes|ops)/.test(path);
        expect(security, `${method} ${path}`).toEqual(needsToken ? [{ bearer: [] }] : undefined);
        const names = parameters.map((each) => each.name.toLowerCase());
        const changes = ['put', 'patch', 'delete'].includes(method);
        expect(names.includes('if-match'), `${method} ${path}`).toBe(changes);
      }
    }
  });

  it('describes the answers as they are', async () => {
    const backend = await NotesBackend.start();
    const { components } = await describedApi(backend);
    const ajv = new Ajv2020({ strict: false }).addSchema({ $id: 'api', components });
    const isOf = (name: string, value: unknown): void => {
      const validate = ajv.getSchema(`api#/components/schemas/${name}`);
      expect(validate?.(value), `${name}: ${JSON.stringify(validate?.errors)}`).toBe(true);
    };
    const { url } = await backend.create();
    isOf('Note', (await backend.call('GET', url)).body);
    isOf('NoteList', (await backend.call('GET', '/api/notes?workspaceId=w1')).body);
    isOf('Problem', (await backend.call('GET', '/api/notes/none?workspaceId=w1')).body);
    isOf('Problem', (await backend.call('GET', '/api/notes/none')).body);
    isOf('Readiness', (await backend.call('GET', '/api/diagnostics/readiness')).body);
    isOf('Health', (await backend.call('GET', '/health')).body);
    expect(Object.keys(components.schemas).sort()).toEqual([
      'Health',
      'Note',
      'NoteChangesInput',
      'NoteContentInput',
      'NoteList',
      'Problem',
      'Readiness',
    ]);
  });
});
