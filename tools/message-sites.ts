/** Finds the places of a program that make messages, and reads the texts there. @module */
import ts from 'typescript';
import type { Callable, CallIndex } from './message-calls.js';
import { TextLifter } from './message-lifting.js';
import { TextReader } from './message-reader.js';
import { memberOf, returnsOf, unwrapped } from './message-syntax.js';
import { combined, END, hasWords, joined, printed, type Text } from './message-text.js';

export interface Site {
  /** A code of the library, or the kind of the message. */
  readonly code: string;
  readonly text: string;
  readonly node: ts.Node;
}

/** Where a constructor has the code and the message; the code of a class that has one. */
const PARTS: Readonly<Record<string, { readonly code?: string; readonly message: number }>> = {
  FieldEncryptionError: { message: 1 },
  KeyProviderError: { message: 1 },
  StoreError: { message: 1 },
  TamperedError: { code: 'TAMPERED', message: 0 },
  ConfigurationError: { code: 'CONFIGURATION_INVALID', message: -1 },
  MekStillNeededError: { code: 'MEK_STILL_NEEDED', message: -1 },
};
/** What the problem of a verdict continues. */
const VAULT_CALL: Text = [{ name: 'operation' }, ' on ', { name: 'key' }, ' '];
/** What a problem with the environment continues. */
const VARIABLE: Text = [{ name: 'variable' }, ' '];
/** Functions of the command whose results are problems. */
const PROBLEMS = new Set([
  'copies',
  'mismatch',
  'problem',
  'recordKeys',
  'sameProviders',
  'unknownKey',
  'unknownVariables',
  'wordsOf',
  'wrongType',
]);

export class SiteFinder {
  readonly #checker: ts.TypeChecker;
  readonly #reader: TextReader;
  readonly #lifter: TextLifter;
  readonly #calls: CallIndex;
  readonly #found: Site[] = [];

  constructor(checker: ts.TypeChecker, calls: CallIndex) {
    this.#checker = checker;
    this.#reader = new TextReader(checker, calls);
    this.#lifter = new TextLifter(this.#reader, calls);
    this.#calls = calls;
  }

  in(file: ts.SourceFile): readonly Site[] {
    this.#found.length = 0;
    this.#visit(file);
    return [...this.#found];
  }

  #visit(node: ts.Node): void {
    if (ts.isNewExpression(node)) this.#thrown(node);
    if (ts.isCallExpression(node)) this.#called(node);
    if (ts.isObjectLiteralExpression(node)) this.#object(node);
    if (ts.isFunctionDeclaration(node)) this.#problems(node, node.name);
    if (
      ts.isVariableDeclaration(node) &&
      node.initializer &&
      ts.isArrowFunction(node.initializer)
    ) {
      this.#problems(node.initializer, node.name);
    }
    ts.forEachChild(node, (each) => {
      this.#visit(each);
    });
  }

  #thrown(node: ts.NewExpression): void {
    const name = ts.isIdentifier(node.expression) ? node.expression.text : '';
    if (!this.#isError(node) || this.#saysMore(node)) return;
    const { code, message } = PARTS[name] ?? { code: name, message: 0 };
    const given = node.arguments?.[message];
    if (!given) return;
    const codes = code === undefined ? this.#codes(node) : [[code]];
    for (const each of this.#listed(given)) this.#add(node, codes, each);
    for (const each of this.#reader.linesIn(given)) this.#add(node, codes, each);
  }

  /** A class that makes the message itself: its constructor is read instead. */
  #saysMore(node: ts.NewExpression): boolean {
    const called = this.#calls.calledBy(node);
    const inherited =
      called?.body && ts.isBlock(called.body) ? inheritedIn(called.body) : undefined;
    const message = inherited?.arguments.find((each) => !ts.isStringLiteralLike(each));
    return (
      message !== undefined && ts.isTemplateExpression(message) && inherited?.arguments.length === 1
    );
  }

  #codes(node: ts.NewExpression): readonly Text[] {
    const [first] = node.arguments ?? [];
    return first ? this.#reader.texts(first) : [['']];
  }

  #isError(node: ts.NewExpression): boolean {
    const type = this.#checker.getTypeAtLocation(node);
    return ['name', 'message', 'stack'].every((name) => type.getProperty(name) !== undefined);
  }

  /** The elements of a list of problems, or the one message. */
  #listed(node: ts.Expression): readonly ts.Expression[] {
    const bare = unwrapped(node);
    if (ts.isArrayLiteralExpression(bare)) {
      return bare.elements.map((each) => (ts.isSpreadElement(each) ? each.expression : each));
    }
    const [callback] = ts.isCallExpression(bare) && isMap(bare) ? bare.arguments : [];
    if (callback && ts.isArrowFunction(callback)) {
      return returnsOf(callback).flatMap((each) => this.#listed(each));
    }
    return [bare];
  }

  #called(node: ts.CallExpression): void {
    const { expression } = node;
    if (expression.kind === ts.SyntaxKind.SuperKeyword) {
      this.#inherited(node);
      return;
    }
    if (ts.isIdentifier(expression)) {
      if (expression.text === 'writeSync') this.#printed(node, 1);
      if (expression.text === 'note') this.#printed(node, 0);
    }
    if (!ts.isPropertyAccessExpression(expression)) return;
    const name = expression.name.text.replace('#', '');
    if (name === 'push' && /problems$/i.test(expression.expression.getText())) {
      for (const each of node.arguments.flatMap((given) => this.#listed(given))) {
        this.#add(node, [[isCommand(node) ? 'UsageError' : 'DEFINITION_MISMATCH']], each);
      }
    } else if (
      name === 'note' ||
      (name === 'write' && /stderr$/.test(expression.expression.getText()))
    ) {
      this.#printed(node, 0);
    } else if (name === 'report' && /^(reader|this|own)$/.test(expression.expression.getText())) {
      const problem = node.arguments[1];
      if (isCommand(node)) this.#add(node, [['UsageError']], problem);
      else this.#add(node, [['CONFIGURATION_INVALID']], problem, VARIABLE);
    } else if (isCommand(node) && this.#isOfZod(node)) this.#schema(node);
  }

  #printed(node: ts.CallExpression, index: number): void {
    const printed = node.arguments[index];
    // What is handed on is a message of the caller.
    if (printed && this.#reader.texts(printed).some(hasWords)) this.#add(node, [['note']], printed);
  }

  #isOfZod(node: ts.CallExpression): boolean {
    const declaration = this.#checker.getResolvedSignature(node)?.declaration;
    return declaration?.getSourceFile().fileName.includes('/node_modules/zod/') ?? false;
  }

  #schema(node: ts.CallExpression): void {
    const name = (node.expression as ts.PropertyAccessExpression).name.text;
    if (['describe', 'meta', 'literal', 'enum'].includes(name) && node.arguments.length === 1)
      return;
    for (const each of node.arguments) {
      const bare = unwrapped(each);
      const error = ts.isObjectLiteralExpression(bare) ? memberOf(bare, 'error') : bare;
      const isFunction = error && ts.isArrowFunction(error);
      const results = isFunction && error !== bare ? returnsOf(error) : [error];
      for (const result of results) this.#add(node, [['UsageError']], result);
    }
  }

  #inherited(node: ts.CallExpression): void {
    const [first, second] = node.arguments;
    if (first && second && node.arguments.length > 2)
      this.#add(node, this.#reader.texts(first), second);
    else if (first && !ts.isIdentifier(first)) this.#add(node, [[className(node)]], first);
  }

  #object(node: ts.ObjectLiteralExpression): void {
    const message = memberOf(node, 'message');
    const level = memberOf(node, 'level');
    const isFinding = ['check', 'level', 'until'].some((name) => memberOf(node, name));
    if (message && isFinding && isCommand(node)) {
      const levels = level ? this.#reader.texts(level).map(printed) : [];
      if (levels.join() !== 'ok') this.#add(node, [['finding']], message);
      return;
    }
    const problem = memberOf(node, 'problem');
    if (!message && !problem) return;
    const type = this.#checker.getContextualType(node);
    const names = type ? namesOf(type) : '';
    if (message && /RetirementReason|ReasonOf|\bReason\b|RowsReason/.test(names)) {
      this.#add(node, [['MEK_STILL_NEEDED']], message);
      return;
    }
    const code = memberOf(node, 'code');
    if (message && code && /Readiness/.test(names))
      this.#add(node, this.#reader.texts(code), message);
    if (problem && code) this.#add(node, this.#reader.texts(code), problem, VAULT_CALL);
    if (problem && memberOf(node, 'variable'))
      this.#add(node, [['CONFIGURATION_INVALID']], problem, VARIABLE);
  }

  #problems(made: Callable, name: ts.Node | undefined): void {
    if (!isCommand(made) || !PROBLEMS.has(name?.getText() ?? '')) return;
    for (const each of returnsOf(made).flatMap((returned) => this.#listed(returned))) {
      this.#add(each, [['UsageError']], each);
    }
  }

  #add(
    node: ts.Node,
    codes: readonly Text[],
    message: ts.Expression | undefined,
    begin: Text = [],
  ): void {
    if (!message) return;
    const whole = combined([codes, [[END]], [begin], this.#reader.texts(message)]);
    for (const lifted of whole.flatMap((text) => this.#lifter.lifted(text, node))) {
      const [code = '', text = ''] = printed(joined(lifted.text)).split(END);
      const words = text.replaceAll(/<[^<>]*>/g, '').match(/[A-Za-z]{2,}/g) ?? [];
      const isMessage = words.length > 2 || hasWords([text.replaceAll(/<[^<>]*>/g, '\u0001')]);
      if (isMessage) this.#found.push({ code, text, node: lifted.node });
    }
  }
}

function inheritedIn(body: ts.Block): ts.CallExpression | undefined {
  const calls = body.statements.flatMap((each) =>
    ts.isExpressionStatement(each) && ts.isCallExpression(each.expression) ? [each.expression] : [],
  );
  return calls.find(({ expression }) => expression.kind === ts.SyntaxKind.SuperKeyword);
}

function className(node: ts.Node): string {
  if (ts.isClassLike(node)) return node.name?.text ?? '';
  return className(node.parent);
}

function isMap({ expression }: ts.CallExpression): boolean {
  return (
    ts.isPropertyAccessExpression(expression) && ['map', 'flatMap'].includes(expression.name.text)
  );
}

function isCommand(node: ts.Node): boolean {
  return node.getSourceFile().fileName.includes('/command/');
}

function namesOf(type: ts.Type): string {
  const own = [type.aliasSymbol?.name, type.symbol as ts.Symbol | undefined].map((each) =>
    typeof each === 'object' ? each.name : each,
  );
  const parts = type.isUnion() ? type.types.map(namesOf) : [];
  return [...own, ...parts].join(' ');
}
