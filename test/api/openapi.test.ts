/** The document and the router are the same list: every route is documented, every documented route is there. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Router } from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../api/app.js';
import { startApi } from '../support/api-fakes.js';
import type { ApiFixture } from '../support/api-fakes.js';

interface Operation {
  readonly operationId: string;
  readonly security: readonly object[];
  readonly responses: Record<string, unknown>;
  readonly requestBody?: { content: { 'application/json': { schema: { $ref: string } } } };
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, { example?: unknown }> };
}

let api: ApiFixture;
let document: Document;

beforeAll(async () => {
  api = await startApi();
  document = (await api.request('GET', '/openapi.json')).json as unknown as Document;
});
afterAll(() => api.close());

const operations = (): [string, string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, string, Operation] => [method, path, operation]),
  );

/** What Express itself would answer, read from its layers. */
function mountedRoutes(): string[] {
  const router = createApp(api.deps).router as Router;
  const inner = router.stack.flatMap((layer) => (layer.handle as unknown as Partial<Router>).stack ?? []);
  return inner.flatMap(({ route }) => {
    const methods = Object.keys((route as unknown as { methods: Record<string, boolean> }).methods).filter(
      (method) => method !== '_all',
    );
    const path = (route?.path ?? '').replace(/[:*](\w+)/g, '{$1}');
    return methods.map((method) => `${method} ${path}`);
  });
}

describe('openapi.json', () => {
  it('is OpenAPI 3.1 with every mounted route, and nothing else', () => {
    expect(document.openapi).toBe('3.1.0');
    const documented = operations().map(([method, path]) => `${method} ${path}`);
    expect(documented.length).toBeGreaterThan(30);
    expect(new Set(mountedRoutes())).toEqual(new Set(documented));
  });

  it('gives each operation its own id, its errors and its security', () => {
    const ids = operations().map(([, , operation]) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [method, path, operation] of operations()) {
      expect(operation.responses, `${method} ${path}`).toHaveProperty('500');
      const isOpen = operation.security.length === 0;
      // An `img` tag and a link in a mail can send no key: there what is signed in the link is the credential.
      const signed = path === '/v1/images/proxy' || path === '/v1/approval-links/{token}';
      const needsKey = /^\/(v1|codec)\//.test(path) && !signed;
      expect(needsKey, `${method} ${path}`).toBe(!isOpen);
      if (!isOpen) expect(operation.responses).toHaveProperty('401');
    }
  });

  it('has examples that its own schemas accept', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema({ $id: 'doc', ...document });
    const examples = Object.entries(document.components.schemas).filter(([, schema]) => schema.example !== undefined);
    expect(examples.length).toBeGreaterThan(5);
    for (const [name, schema] of examples) {
      const check = ajv.compile({ $ref: `doc#/components/schemas/${name}` });
      expect(check(schema.example), `${name}: ${JSON.stringify(check.errors)}`).toBe(true);
    }
  });

  it('is shown at /docs from files of this server, under a policy without foreign scripts', async () => {
    const page = await api.request('GET', '/docs');
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    const sources = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    expect(sources).toHaveLength(4);
    for (const source of sources) expect((await api.request('GET', source)).status, source).toBe(200);
    expect((await api.request('GET', '/docs/package.json')).status).toBe(404);
  });
});
