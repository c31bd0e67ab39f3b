/** Declared routes -> Express, with the checks each needs, and the 404 and 405 that follow from the same list. */
import { Router } from 'express';
import type { RequestHandler } from 'express';
import { failure } from '../domain/failures.js';
import { toExpressPath } from './api-route.js';
import type { ApiRoute, HttpMethod } from './api-route.js';
import { requireScope } from './middleware/authenticate.js';
import { contextOf } from './request-context.js';

export interface RouteGates {
  /** Sets the caller, or ends the request. */
  readonly authenticate: RequestHandler;
  readonly rateLimit: RequestHandler;
  readonly drain: RequestHandler;
  readonly jsonBody: RequestHandler;
}

/** Fixed paths before patterns: `/v1/conversations/import` is not a conversation named import. */
function byRank(left: ApiRoute, right: ApiRoute): number {
  const rank = ({ path }: ApiRoute): number => (path.includes('{+') ? 2 : path.includes('{') ? 1 : 0);
  return rank(left) - rank(right);
}

function gatesOf(route: ApiRoute, gates: RouteGates): RequestHandler[] {
  const named: RequestHandler = (_req, res, next) => {
    contextOf(res).route = route.path;
    next();
  };
  if (route.scope === null) return [named, ...(route.before ?? [])];
  const body = route.method === 'get' ? [] : [gates.jsonBody];
  const authenticate: RequestHandler = (req, res, next) => {
    const caller = route.insteadOfKey?.(req) ?? null;
    if (caller === null) return gates.authenticate(req, res, next);
    contextOf(res).caller = caller;
    next();
    return undefined;
  };
  return [named, authenticate, requireScope(route.scope), gates.rateLimit, gates.drain, ...body];
}

export function mountRoutes(routes: readonly ApiRoute[], gates: RouteGates): Router {
  const router = Router({ caseSensitive: true });
  const sorted = [...routes].sort(byRank);
  for (const route of sorted) router[route.method](toExpressPath(route.path), ...gatesOf(route, gates), route.handler);
  const methodsByPath = new Map<string, HttpMethod[]>();
  for (const { path, method } of sorted) methodsByPath.set(path, [...(methodsByPath.get(path) ?? []), method]);
  for (const [path, methods] of methodsByPath) {
    const allow = methods.flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()])).join(', ');
    router.all(toExpressPath(path), (req, res) => {
      contextOf(res).route = path;
      res.setHeader('Allow', allow);
      throw failure('request.method-not-allowed', `${req.method} is not possible on this route. Possible: ${allow}.`);
    });
  }
  return router;
}

export const routeNotFound: RequestHandler = (req) => {
  throw failure(
    'request.not-found',
    `There is no route ${req.method} ${req.path.slice(0, 200)}. GET /openapi.json lists all of them.`,
  );
};
