/** The OpenAPI 3.1 document, from the same declarations the router is made of. */
import { OpenApiGeneratorV31, OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { FAILURES } from '../../domain/failures.js';
import { toOpenApiPath } from '../api-route.js';
import type { ApiRoute, RouteAnswer } from '../api-route.js';
import { errorSchema } from '../schemas/answer-schemas.js';

type Document = ReturnType<OpenApiGeneratorV31['generateDocument']>;
type Answers = Record<
  string,
  { description: string; content?: Record<string, { schema: z.ZodType }>; headers?: z.ZodObject }
>;

const SECURITY = 'ApiKey';

const errorAnswer = (description: string): Answers[string] => ({
  description,
  content: { 'application/json': { schema: errorSchema } },
});

function toAnswer(answer: RouteAnswer): Answers[string] {
  const main = answer.contentType ?? 'application/json';
  const content: Record<string, { schema: z.ZodType }> = {};
  if (answer.schema !== undefined || answer.contentType !== undefined)
    content[main] = { schema: answer.schema ?? z.string() };
  if (answer.stream !== undefined)
    content[answer.stream] = { schema: z.string().describe('Server-sent events; ids are sequence numbers.') };
  return Object.keys(content).length === 0
    ? { description: answer.description }
    : { description: answer.description, content };
}

/** What any route of its kind can answer with; each body is an Error. */
function errorAnswers(route: ApiRoute): Answers {
  const hasParams = route.path.includes('{');
  return {
    ...(route.scope === null
      ? {}
      : {
          401: errorAnswer('No valid API key'),
          403: errorAnswer('The key may not do this'),
          429: errorAnswer('Too many requests'),
        }),
    ...(route.body !== null || route.query !== null
      ? { 400: errorAnswer('The request is not valid; `param` names the field') }
      : {}),
    ...(hasParams ? { 404: errorAnswer('There is no such thing in this tenant') } : {}),
    ...(route.method !== 'get'
      ? {
          409: errorAnswer('It conflicts with what is there'),
          413: errorAnswer('The body is too large'),
          415: errorAnswer('The body is not JSON'),
        }
      : {}),
    ...(route.scope === null
      ? {}
      : { 503: errorAnswer('A needed part is away, or the server is shutting down; see Retry-After') }),
    500: errorAnswer('Something went wrong; the log has the cause under `request_id`'),
  };
}

function paramsOf(route: ApiRoute): z.ZodObject | null {
  const names = [...route.path.matchAll(/\{\+?(\w+)\}/g)].map((match) => match[1] ?? '');
  return names.length === 0 ? null : z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
}

const idempotencyHeader = z.object({
  'Idempotency-Key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('The same key and body give the same answer; another body is a 409.'),
});

const IDEMPOTENT = new Set(['createResponse', 'continueResponse', 'forkResponse', 'createChatCompletion']);

function bodyContent(route: ApiRoute, schema: z.ZodType): Record<string, { schema: z.ZodType }> {
  const json = { 'application/json': { schema } };
  return route.form === true ? { ...json, 'application/x-www-form-urlencoded': { schema } } : json;
}

function register(registry: OpenAPIRegistry, route: ApiRoute): void {
  const params = paramsOf(route);
  const answers: Answers = errorAnswers(route);
  for (const [status, answer] of Object.entries(route.answers)) answers[status] = toAnswer(answer);
  registry.registerPath({
    method: route.method,
    path: toOpenApiPath(route.path),
    operationId: route.operationId,
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    tags: [route.tag],
    security: route.scope === null ? [] : [{ [SECURITY]: [] }],
    request: {
      ...(params === null ? {} : { params }),
      ...(route.query === null ? {} : { query: route.query as z.ZodObject }),
      ...(IDEMPOTENT.has(route.operationId) ? { headers: idempotencyHeader } : {}),
      ...(route.body === null ? {} : { body: { content: bodyContent(route, route.body) } }),
    },
    responses: answers,
  });
}

export function createOpenApiDocument(routes: readonly ApiRoute[], version: string): Document {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', SECURITY, {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key. `x-api-key` and `api-key` are taken as well.',
  });
  for (const route of routes) register(registry, route);
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Turnstone',
      version,
      description:
        'A durable agent server with the OpenAI wire formats. Errors have the shape `{"error": {"message", "type", "code", "param", "request_id"}}`; ' +
        `codes: ${Object.keys(FAILURES).join(', ')}.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
  });
}
