/**
 * Routes are data: the Express router, the authorisation check, the 405 answers and the OpenAPI document are all made from
 * the same declaration, so none of them can drift from the others.
 */
import type { Request, RequestHandler, Response } from 'express';
import type { z } from 'zod';
import type { KeyScope } from '../domain/scope.js';
import { callerOf, contextOf } from './request-context.js';
import type { Caller, RequestContext } from './request-context.js';
import { parseRequest } from './schemas/parse-request.js';

export type HttpMethod = 'get' | 'post' | 'delete';

export interface RouteAnswer {
  readonly description: string;
  readonly schema?: z.ZodType;
  /** `application/json` unless said. */
  readonly contentType?: string;
  /** A second content type of the same answer: the event stream of a request that asks for one. */
  readonly stream?: string;
}

interface RouteDocs {
  readonly method: HttpMethod;
  /** Template in OpenAPI form: `/v1/responses/{id}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  /** What the API key must allow; null: no key needed. */
  readonly scope: KeyScope | null;
  /** Another credential that this route takes in place of an API key; null: the request does not carry it. */
  readonly insteadOfKey?: (req: Request) => Caller | null;
  /** What happens to a request of an open route before its handler: those routes have no other gate and no body reader. */
  readonly before?: readonly RequestHandler[];
  /** Takes the body as a form too. */
  readonly form?: boolean;
  readonly answers: Readonly<Record<number, RouteAnswer>>;
}

export interface RouteCall<Body, Query> {
  readonly body: Body;
  readonly query: Query;
  /** A parameter of the path. */
  param(name: string): string;
  readonly context: RequestContext;
  readonly caller: Caller;
  readonly req: Request;
  readonly res: Response;
}

export interface RouteSpec<Body extends z.ZodType, Query extends z.ZodType> extends RouteDocs {
  readonly body?: Body;
  readonly query?: Query;
  readonly handle: (call: RouteCall<z.output<Body>, z.output<Query>>) => Promise<void> | void;
}

/** A route with its types closed over: what the app mounts and the document lists. */
export interface ApiRoute extends RouteDocs {
  readonly body: z.ZodType | null;
  readonly query: z.ZodType | null;
  readonly handler: RequestHandler;
}

function paramOf(req: Request, name: string): string {
  const value = req.params[name];
  return Array.isArray(value) ? value.join('/') : (value ?? '');
}

/** Parses body and query, then hands the handler typed values; a rejected promise goes to the error middleware. */
export function defineRoute<Body extends z.ZodType, Query extends z.ZodType>(spec: RouteSpec<Body, Query>): ApiRoute {
  const { handle, body, query, ...docs } = spec;
  const handler: RequestHandler = async (req, res) => {
    const parsedQuery = query === undefined ? undefined : parseRequest(query, req.query, 'query');
    const parsedBody = body === undefined ? undefined : parseRequest(body, req.body ?? {}, 'body');
    await handle({
      body: parsedBody as z.output<Body>,
      query: parsedQuery as z.output<Query>,
      param: (name) => paramOf(req, name),
      context: contextOf(res),
      get caller() {
        return callerOf(res);
      },
      req,
      res,
    });
  };
  return { ...docs, body: body ?? null, query: query ?? null, handler };
}

/** `/v1/models/{+model}` -> `/v1/models/*model`: a `+` lets the parameter hold slashes. */
export function toExpressPath(template: string): string {
  return template.replace(/\{\+(\w+)\}/g, '*$1').replace(/\{(\w+)\}/g, ':$1');
}

export function toOpenApiPath(template: string): string {
  return template.replace(/\{\+(\w+)\}/g, '{$1}');
}
