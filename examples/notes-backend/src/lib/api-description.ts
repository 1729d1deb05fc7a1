/** OpenAPI, from the schemas that validate requests and write answers. @module */
import swagger, { type SwaggerTransformObject } from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

/** Before the routes; served at `/openapi.json`. */
export async function describeApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Notes',
        version: '1.0.0',
        description:
          'Notes of workspaces, encrypted in the database. Changes need `If-Match`, so that no client overwrites what it has not seen: 428 without it, 412 where the note has changed.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/' }],
      tags: [
        { name: 'notes', description: 'Notes of one workspace.' },
        { name: 'diagnostics', description: 'For load balancers and people on call.' },
        { name: 'operators', description: 'For those who rotate keys.' },
      ],
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: withUsedSchemas,
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
}

/** Each schema exists in the form of requests and of answers, and most are used in one of them. */
const withUsedSchemas: SwaggerTransformObject = (given) => {
  const api = jsonSchemaTransformObject(given);
  const { schemas = {} } = (api as Described).components ?? {};
  const isUnused = (name: string): boolean =>
    !JSON.stringify(api).includes(`"#/components/schemas/${name}"`);
  // Without one, those that only it referred to are unused too.
  for (;;) {
    const unused = Object.keys(schemas).filter(isUnused);
    if (unused.length === 0) return api;
    for (const name of unused) Reflect.deleteProperty(schemas, name);
  }
};

interface Described {
  readonly components?: { readonly schemas?: Record<string, unknown> };
}
