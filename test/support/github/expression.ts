/** Expressions of GitHub Actions: `${{ … }}` and `if`. @module */
import { data, Evaluator, Lexer, Parser } from '@actions/expressions';

/** Contexts by name, such as `vars` and `steps`. */
export type Contexts = Readonly<Record<string, unknown>>;

export interface State {
  readonly contexts: Contexts;
  /** Whether a step before has failed. */
  readonly hasFailed: boolean;
}

/** @returns Each `${{ … }}` in its place; an absent value is empty. */
export function filled(text: string, state: State): string {
  return text.replaceAll(/\$\{\{(.*?)\}\}/g, (_, expression: string) =>
    evaluated(expression, state).coerceString(),
  );
}

/** The condition of a step: without a function of its own it also needs that no step has failed. */
export function isTrue(condition: string | undefined, state: State): boolean {
  const hasFunction = /\b(always|cancelled|failure|success)\(\)/.test(condition ?? '');
  if (!hasFunction && state.hasFailed) return false;
  return condition === undefined || evaluated(condition, state).coerceString() !== 'false';
}

function evaluated(expression: string, { contexts, hasFailed }: State): data.ExpressionData {
  const functions = Object.entries({
    always: true,
    cancelled: false,
    failure: hasFailed,
    success: !hasFailed,
  }).map(([name, value]) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(value),
  }));
  const { tokens } = new Lexer(expression.trim()).lex();
  const parsed = new Parser(tokens, Object.keys(contexts), functions).parse();
  const known = JSON.parse(JSON.stringify(contexts), data.reviver) as data.Dictionary;
  return new Evaluator(
    parsed,
    known,
    new Map(functions.map((each) => [each.name, each])),
  ).evaluate();
}
