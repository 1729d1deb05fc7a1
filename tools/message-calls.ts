/** Where the functions of a program are called, and where their parameters come from. @module */
import ts from 'typescript';
import type { Hole } from './message-text.js';
import { keyOf, unwrapped } from './message-syntax.js';

export type Callable = ts.SignatureDeclaration & { readonly body?: ts.ConciseBody | undefined };

export type Call = ts.CallExpression | ts.NewExpression;

export class CallIndex {
  readonly #checker: ts.TypeChecker;
  readonly #calls = new Map<ts.Node, Call[]>();
  readonly #assignments = new Map<ts.Symbol, ts.Expression[]>();

  constructor(checker: ts.TypeChecker, files: readonly ts.SourceFile[]) {
    this.#checker = checker;
    for (const file of files) this.#visit(file);
  }

  callsOf(callable: Callable): readonly Call[] {
    return this.#calls.get(callable) ?? [];
  }

  assignedTo(symbol: ts.Symbol): readonly ts.Expression[] {
    return this.#assignments.get(symbol) ?? [];
  }

  assignedInConstructor({ name }: ts.PropertyDeclaration): ts.Expression | undefined {
    const symbol = this.#checker.getSymbolAtLocation(name);
    const [given, ...more] = symbol ? this.assignedTo(symbol) : [];
    return more.length === 0 ? given : undefined;
  }

  /** The function of the program that is called, if it is one; an overload has no body. */
  calledBy({ expression }: Call): Callable | undefined {
    const callee = unwrapped(expression);
    const name = ts.isPropertyAccessExpression(callee) ? callee.name : callee;
    const symbol = this.#checker.getSymbolAtLocation(name);
    const isAlias = symbol && (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    const target = isAlias ? this.#checker.getAliasedSymbol(symbol) : symbol;
    for (const each of target?.declarations ?? []) {
      const made = callableOf(each);
      if (made?.body) return made;
    }
    return undefined;
  }

  /** The parameter that a name is bound by. */
  parameterOf(declaration: ts.Declaration): Hole['parameter'] {
    const path: string[] = [];
    let node: ts.Node = declaration;
    while (ts.isBindingElement(node)) {
      path.unshift(keyOf(node));
      node = node.parent.parent;
    }
    if (!ts.isParameter(node)) return undefined;
    const of = node.parent;
    return { of, index: of.parameters.indexOf(node), path };
  }

  #visit(node: ts.Node): void {
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) {
      const called = this.calledBy(node);
      if (called) this.#calls.set(called, [...(this.#calls.get(called) ?? []), node]);
    }
    if (
      ts.isBinaryExpression(node) &&
      [
        ts.SyntaxKind.EqualsToken,
        ts.SyntaxKind.QuestionQuestionEqualsToken,
        ts.SyntaxKind.PlusEqualsToken,
      ].includes(node.operatorToken.kind)
    ) {
      const target = unwrapped(node.left);
      const place = ts.isPropertyAccessExpression(target) ? target.name : target;
      const symbol = this.#checker.getSymbolAtLocation(place);
      if (symbol) this.#assignments.set(symbol, [...this.assignedTo(symbol), node.right]);
    }
    ts.forEachChild(node, (each) => {
      this.#visit(each);
    });
  }
}

function callableOf(declaration: ts.Declaration): Callable | undefined {
  if (ts.isClassLike(declaration)) return declaration.members.find(ts.isConstructorDeclaration);
  if (ts.isVariableDeclaration(declaration) || ts.isPropertyDeclaration(declaration)) {
    const { initializer } = declaration;
    return initializer && ts.isArrowFunction(initializer) ? initializer : undefined;
  }
  return ts.isFunctionLike(declaration) ? declaration : undefined;
}
