/** Reads the syntax tree: what an expression is, and what a value in it is called. @module */
import ts from 'typescript';
import type { Call } from './message-calls.js';
import type { Hole } from './message-text.js';

export function isUndefined(node: ts.Expression): boolean {
  const bare = unwrapped(node);
  return ts.isIdentifier(bare) && bare.text === 'undefined';
}

export function isEmpty(node: ts.Expression): boolean {
  return ts.isStringLiteralLike(node) && node.text === '';
}

export function unwrapped(node: ts.Expression): ts.Expression {
  const isWrapped =
    ts.isParenthesizedExpression(node) ||
    ts.isAsExpression(node) ||
    ts.isSatisfiesExpression(node) ||
    ts.isNonNullExpression(node) ||
    ts.isAwaitExpression(node);
  return isWrapped ? unwrapped(node.expression) : node;
}

export function memberOf(
  literal: ts.ObjectLiteralExpression,
  name: string,
): ts.Expression | undefined {
  for (const member of literal.properties) {
    const own = member.name && nameText(member.name);
    if (own !== name) continue;
    if (ts.isPropertyAssignment(member)) return member.initializer;
    if (ts.isShorthandPropertyAssignment(member)) return member.name;
  }
  return undefined;
}

/** What a function returns, functions inside of it left out. */
export function returnsOf({
  body,
}: {
  readonly body?: ts.ConciseBody | undefined;
}): readonly ts.Expression[] {
  if (!body) return [];
  if (!ts.isBlock(body)) return [body];
  const found: ts.Expression[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isReturnStatement(node) && node.expression) found.push(node.expression);
    if (!ts.isFunctionLike(node)) ts.forEachChild(node, visit);
  };
  ts.forEachChild(body, visit);
  return found;
}

export function keyOf({ propertyName, name }: ts.BindingElement): string {
  if (propertyName && !ts.isComputedPropertyName(propertyName)) return propertyName.text;
  return ts.isIdentifier(name) ? name.text : '';
}

function nameText(name: ts.PropertyName): string | undefined {
  return ts.isIdentifier(name) || ts.isStringLiteral(name) ? name.text : undefined;
}

export function argumentsOf(call: Call): readonly ts.Expression[] {
  return call.arguments ?? [];
}

export function pluralName({ arguments: passed }: ts.CallExpression): string {
  const [count, one, many] = passed;
  if (many && ts.isStringLiteralLike(many)) return many.text;
  if (one && ts.isStringLiteralLike(one)) return `${one.text}s`;
  return count ? hole(count).name : 'count';
}

export function nameOf(node: ts.Expression): string | undefined {
  if (ts.isIdentifier(node)) return node.text;
  return ts.isPropertyAccessExpression(node) ? node.name.text.replace('#', '') : undefined;
}

/** Named by the innermost name that tells what the value is. */
export function hole(node: ts.Expression): Hole {
  return { name: holeName(node) };
}

const OF_RECEIVER = new Set([
  'at',
  'filter',
  'get',
  'hostname',
  'join',
  'length',
  'map',
  'origin',
  'size',
  'slice',
  'sort',
  'split',
  'text',
  'toISOString',
  'toLocaleString',
  'toString',
]);

function holeName(node: ts.Expression): string {
  const bare = unwrapped(node);
  if (ts.isIdentifier(bare)) return bare.text;
  if (ts.isPropertyAccessExpression(bare)) {
    const name = bare.name.text.replace('#', '');
    return OF_RECEIVER.has(name) ? holeName(bare.expression) : name;
  }
  if (ts.isCallExpression(bare)) {
    const callee = unwrapped(bare.expression);
    const [first] = bare.arguments;
    const isMethod = ts.isPropertyAccessExpression(callee) && OF_RECEIVER.has(callee.name.text);
    if (isMethod) return holeName(callee.expression);
    if (first && !ts.isArrowFunction(first) && !ts.isLiteralExpression(first))
      return holeName(first);
    return nameOf(callee) ?? 'value';
  }
  if (ts.isNewExpression(bare)) {
    const [first] = bare.arguments ?? [];
    return first ? holeName(first) : 'value';
  }
  if (ts.isConditionalExpression(bare)) return holeName(bare.whenTrue);
  if (ts.isBinaryExpression(bare)) return holeName(bare.left);
  if (ts.isElementAccessExpression(bare)) return holeName(bare.expression);
  return 'value';
}
