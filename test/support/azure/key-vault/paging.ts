/** Lists in pages. @module */
import { badParameter } from './refusal.js';

const LARGEST_PAGE = 25;

/** The page that the URL asks for, with the URL of the next one. */
export function pageOf(
  items: readonly unknown[],
  url: URL,
): { readonly value: readonly unknown[]; readonly nextLink: string | null } {
  const size = Number(url.searchParams.get('maxresults') ?? LARGEST_PAGE);
  if (!Number.isInteger(size) || size < 1 || size > LARGEST_PAGE) {
    throw badParameter('"maxresults" is not a number from 1 to 25.');
  }
  const from = Number(url.searchParams.get('$skiptoken') ?? 0);
  const to = from + size;
  return { value: items.slice(from, to), nextLink: to < items.length ? linkTo(url, to) : null };
}

function linkTo(url: URL, from: number): string {
  const next = new URL(url);
  next.searchParams.set('$skiptoken', String(from));
  return next.href;
}
