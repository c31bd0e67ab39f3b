/** For routes that a browser opens: headers for pages that must not be kept, found, framed or followed back, and failures as pages. */
import type { Request, RequestHandler } from 'express';
import { problemPage } from '../pages/approval-page.js';
import { PAGE_POLICY } from '../pages/markup.js';
import { contextOf } from '../request-context.js';

/** Whoever asks for JSON gets it; everyone else is a browser. */
export function wantsJson(req: Request): boolean {
  return req.accepts(['html', 'json']) === 'json';
}

export const pageAnswers: RequestHandler = (req, res, next) => {
  res.vary('Accept');
  res.setHeader('Content-Security-Policy', PAGE_POLICY);
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('Referrer-Policy', 'no-referrer');
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.setHeader('X-Frame-Options', 'DENY');
  res.setHeader('X-Robots-Tag', 'noindex, nofollow');
  if (!wantsJson(req)) contextOf(res).errorPage = problemPage;
  next();
};
