/** `/openapi.json` and `/docs`: the page is made of files of this server, so it works without the internet. */
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { failure } from '../../domain/failures.js';
import { defineRoute } from '../api-route.js';
import type { ApiRoute } from '../api-route.js';

const TAG = 'Documentation';
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** Swagger UI sets style attributes and shows data: images; scripts come only from files of this server. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Turnstone API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const START = `window.addEventListener('load', () => {
  SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });
});
`;

function assetFolder(): string {
  return path.dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
}

/** @param documentText called at the first request: by then all routes are known. */
export function createDocsRoutes(documentText: () => string): readonly ApiRoute[] {
  const folder = assetFolder();
  const page = { method: 'get', tag: TAG, scope: null } as const;
  return [
    defineRoute({
      ...page,
      path: '/openapi.json',
      operationId: 'openapi',
      summary: 'This document',
      answers: { 200: { description: 'OpenAPI 3.1', schema: z.looseObject({ openapi: z.string() }) } },
      handle({ res }) {
        res.type('application/json').send(documentText());
      },
    }),
    defineRoute({
      ...page,
      path: '/docs',
      operationId: 'docs',
      summary: 'The API as a page',
      answers: { 200: { description: 'HTML', contentType: 'text/html' } },
      handle({ res }) {
        res.setHeader('Content-Security-Policy', DOCS_POLICY);
        res.type('html').send(PAGE);
      },
    }),
    defineRoute({
      ...page,
      path: '/docs/{asset}',
      operationId: 'docsAsset',
      summary: 'A file of the page',
      answers: { 200: { description: 'Script, style or image', contentType: 'application/octet-stream' } },
      async handle({ param, res }) {
        const asset = param('asset');
        if (asset === 'start.js') {
          res.type('text/javascript').send(START);
          return;
        }
        const type = Object.hasOwn(ASSETS, asset) ? ASSETS[asset] : undefined;
        if (type === undefined) throw failure('request.not-found', 'The documentation has no such file. Open /docs.');
        res.type(type);
        await new Promise<void>((resolve, reject) => {
          res.sendFile(path.join(folder, asset), { maxAge: '1d', cacheControl: true, dotfiles: 'allow' }, (error) =>
            error ? reject(error) : resolve(),
          );
        });
      },
    }),
  ];
}
