/** Works out, from the syntax tree, which texts an expression can have. @module */
import ts from 'typescript';
import type { Callable, CallIndex } from './message-calls.js';
import {
  hole,
  isEmpty,
  isUndefined,
  keyOf,
  memberOf,
  nameOf,
  pluralName,
  returnsOf,
  unwrapped,
} from './message-syntax.js';
import {
  combined,
  type Hole,
  hasWords,
  named,
  type Path,
  type Text,
  unique,
} from './message-text.js';

/** More alternatives of one part than this are one placeholder. */
const MOST_ALTERNATIVES = 24;
const DEEPEST = 12;

/** Calls whose texts are values, not sentences: the name of the placeholder. */
const VALUES = new Map(
  Object.entries({
    describeType: 'type',
    describeValue: 'type',
    typeInWords: 'type',
    errorText: 'error',
    reportedText: 'error',
    formatDuration: 'duration',
    inWords: 'names',
    listText: 'names',
    suggestion: 'suggestion',
    commandText: 'command',
    commandOn: 'command',
    sourceOf: 'source',
    at: 'path',
  }),
);
/** Methods that keep the texts of what they are called on. */
const KEEP = new Set(['toString', 'trim', 'trimEnd', 'replaceAll', 'replace']);

type Bindings = ReadonlyMap<ts.Symbol, readonly Text[]>;

export class TextReader {
  readonly #checker: ts.TypeChecker;
  readonly #calls: CallIndex;

  constructor(checker: ts.TypeChecker, calls: CallIndex) {
    this.#checker = checker;
    this.#calls = calls;
  }

  /** The texts of an expression; a value in it is a hole. */
  texts(node: ts.Expression, bound: Bindings = new Map(), depth = 0): readonly Text[] {
    const read = (each: ts.Expression): readonly Text[] => this.texts(each, bound, depth + 1);
    const bare = unwrapped(node);
    if (depth > DEEPEST) return [[hole(bare)]];
    if (ts.isStringLiteralLike(bare)) return [[bare.text]];
    if (ts.isNumericLiteral(bare)) return [[bare.text.replaceAll('_', '')]];
    if (ts.isTemplateExpression(bare)) {
      const rows = this.#rowsIn(bare, bound);
      if (rows.length === 0) return this.#template(bare, read);
      return unique(
        rows.flatMap((row) => this.#template(bare, (each) => this.texts(each, row, depth + 1))),
      );
    }
    if (ts.isTaggedTemplateExpression(bare)) return rawTemplate(bare);
    if (ts.isConditionalExpression(bare)) {
      const sides = [bare.whenTrue, bare.whenFalse].filter((each) => !isUndefined(each));
      return few(bare, sides.flatMap(read));
    }
    if (ts.isBinaryExpression(bare)) return this.#binary(bare, read);
    if (ts.isCallExpression(bare)) return this.#call(bare, bound, depth);
    if (ts.isIdentifier(bare)) return this.#name(bare, bound, depth);
    if (ts.isPropertyAccessExpression(bare)) return this.#property(bare, bound, depth);
    if (ts.isElementAccessExpression(bare)) return this.#element(bare, bound, depth);
    return [[hole(bare)]];
  }

  /** Lists inside of a message are joined lines: each is a message of its own. */
  linesIn(node: ts.Expression): readonly ts.Expression[] {
    const found: ts.Expression[] = [];
    const visit = (each: ts.Node): void => {
      const isJoin =
        ts.isCallExpression(each) &&
        ts.isPropertyAccessExpression(each.expression) &&
        each.expression.name.text === 'join';
      if (isJoin) found.push(...this.#mapped(each.expression.expression));
      ts.forEachChild(each, visit);
    };
    visit(node);
    return found;
  }

  #mapped(node: ts.Expression): readonly ts.Expression[] {
    const bare = unwrapped(node);
    const list = this.#initializerOf(bare) ?? bare;
    const [callback] = ts.isCallExpression(list) ? list.arguments : [];
    return callback && ts.isArrowFunction(callback) ? returnsOf(callback) : [];
  }

  /** A property of what is itself a parameter. */
  holeAt(node: ts.Expression, path: Path): Hole | undefined {
    const bare = unwrapped(node);
    if (!ts.isIdentifier(bare)) return undefined;
    const declaration = this.#symbolOf(bare)?.valueDeclaration;
    const parameter = declaration && this.#calls.parameterOf(declaration);
    if (!parameter) return undefined;
    return { name: bare.text, parameter: { ...parameter, path: [...parameter.path, ...path] } };
  }

  /** A property of an object literal. */
  at(node: ts.Expression, path: Path): ts.Expression | undefined {
    const [name, ...rest] = path;
    const bare = unwrapped(node);
    if (name === undefined) return bare;
    const literal = ts.isObjectLiteralExpression(bare) ? bare : this.#objectOf(bare);
    const found = literal && memberOf(literal, name);
    return found && this.at(found, rest);
  }

  #template(node: ts.TemplateExpression, read: (each: ts.Expression) => readonly Text[]) {
    const spans = node.templateSpans.flatMap(({ expression, literal }) => [
      few(expression, read(expression)),
      [[literal.text]],
    ]);
    return combined([[[node.head.text]], ...spans]);
  }

  /** Where names of the template are the columns of a table, the names with each of its rows. */
  #rowsIn(node: ts.TemplateExpression, bound: Bindings): readonly Bindings[] {
    for (const { expression } of node.templateSpans) {
      const symbol = ts.isIdentifier(expression) ? this.#symbolOf(expression) : undefined;
      const element = symbol?.valueDeclaration;
      if (!symbol || bound.has(symbol) || !element || !ts.isBindingElement(element)) continue;
      const pattern = element.parent;
      const { parent } = pattern;
      const table =
        ts.isVariableDeclaration(parent) && parent.initializer && unwrapped(parent.initializer);
      if (!table || !ts.isArrayBindingPattern(pattern) || !ts.isElementAccessExpression(table))
        continue;
      const values = this.#objectOf(table.expression)?.properties ?? [];
      return values.flatMap((each) => this.#row(each, pattern, bound));
    }
    return [];
  }

  #row(
    row: ts.ObjectLiteralElementLike,
    { elements }: ts.ArrayBindingPattern,
    bound: Bindings,
  ): readonly Bindings[] {
    const list = ts.isPropertyAssignment(row) ? this.#arrayOf(row.initializer) : undefined;
    if (!list) return [];
    const own = new Map(bound);
    elements.forEach((each, index) => {
      const symbol = ts.isBindingElement(each)
        ? this.#checker.getSymbolAtLocation(each.name)
        : undefined;
      const value = list.elements[index];
      if (symbol && value) own.set(symbol, this.texts(value));
    });
    return [own];
  }

  #binary(node: ts.BinaryExpression, read: (each: ts.Expression) => readonly Text[]) {
    const { kind } = node.operatorToken;
    if (kind === ts.SyntaxKind.PlusToken && ts.isNumericLiteral(node.right)) return [[hole(node)]];
    if (kind === ts.SyntaxKind.PlusToken) return combined([read(node.left), read(node.right)]);
    const isEither =
      kind === ts.SyntaxKind.BarBarToken || kind === ts.SyntaxKind.QuestionQuestionToken;
    if (isEither && isEmpty(node.right)) return read(node.left);
    if (isEither) return few(node, [...read(node.left), ...read(node.right)]);
    if (kind === ts.SyntaxKind.AmpersandAmpersandToken) return read(node.right);
    return [[hole(node)]];
  }

  #call(node: ts.CallExpression, bound: Bindings, depth: number): readonly Text[] {
    const callee = unwrapped(node.expression);
    const [first] = node.arguments;
    const name = nameOf(callee);
    if (name === 'plural') return [[{ name: pluralName(node) }]];
    if (name === 'String' && first) return this.texts(first, bound, depth + 1);
    const value = VALUES.get(name ?? '');
    if (value) return [[{ name: value }]];
    if (ts.isPropertyAccessExpression(callee)) {
      if (KEEP.has(callee.name.text)) return this.texts(callee.expression, bound, depth + 1);
      if (callee.name.text === 'join') return this.#join(callee, first, bound, depth);
    }
    const declared = this.#calls.calledBy(node);
    const inlined = declared && this.#inlined(declared, node, bound, depth);
    return inlined?.some(hasWords) ? few(node, inlined) : [[hole(node)]];
  }

  #join(
    { expression }: ts.PropertyAccessExpression,
    separator: ts.Expression | undefined,
    bound: Bindings,
    depth: number,
  ): readonly Text[] {
    const list = this.#arrayOf(expression);
    const isPlain = list?.elements.every((each) => !ts.isSpreadElement(each));
    if (!list || !isPlain) return [[hole(expression)]];
    const between = separator ? this.texts(separator) : [[',']];
    const parts = list.elements.flatMap((each, index) => {
      const texts = this.texts(each, bound, depth + 1);
      return index === 0 ? [texts] : [between, texts];
    });
    return combined(parts);
  }

  #inlined(declared: Callable, node: ts.CallExpression, outer: Bindings, depth: number) {
    const bound = new Map<ts.Symbol, readonly Text[]>();
    declared.parameters.forEach((parameter, index) => {
      this.#bind(parameter.name, node.arguments[index], parameter, { bound, outer, depth });
    });
    return unique(returnsOf(declared).flatMap((each) => this.texts(each, bound, depth + 1)));
  }

  #bind(
    name: ts.BindingName,
    value: ts.Expression | undefined,
    { initializer }: ts.ParameterDeclaration,
    {
      bound,
      outer,
      depth,
    }: { bound: Map<ts.Symbol, readonly Text[]>; outer: Bindings; depth: number },
  ): void {
    if (ts.isIdentifier(name)) {
      const symbol = this.#checker.getSymbolAtLocation(name);
      const given = value ?? initializer;
      const texts = given && this.texts(given, outer, depth + 1);
      if (symbol && texts)
        bound.set(
          symbol,
          texts.map((text) => named(text, name.text)),
        );
      return;
    }
    if (!value || !ts.isObjectBindingPattern(name)) return;
    for (const element of name.elements) {
      const symbol = this.#checker.getSymbolAtLocation(element.name);
      const member = this.at(value, [keyOf(element)]);
      const given = member ?? element.initializer;
      if (symbol && given) bound.set(symbol, this.texts(given, outer, depth + 1));
    }
  }

  #name(node: ts.Identifier, bound: Bindings, depth: number): readonly Text[] {
    if (node.text === 'undefined') return [['']];
    const symbol = this.#symbolOf(node);
    const known = symbol && bound.get(symbol);
    if (known) return known;
    const declaration = symbol?.valueDeclaration;
    if (!declaration) return [[hole(node)]];
    if (ts.isVariableDeclaration(declaration) && declaration.initializer) {
      const texts = [declaration.initializer, ...this.#calls.assignedTo(symbol)].flatMap((each) =>
        this.texts(each, bound, depth + 1),
      );
      return few(node, texts).map((text) => named(text, node.text));
    }
    const returned = ts.isBindingElement(declaration) && this.#returned(declaration, depth);
    if (returned && returned.length > 0) return returned;
    const parameter = this.#calls.parameterOf(declaration);
    return [[{ name: node.text, ...(parameter && { parameter }) }]];
  }

  /** A name for a property of what a function returns. */
  #returned(element: ts.BindingElement, depth: number): readonly Text[] {
    const { parent, elements } = element.parent;
    // A code and its message belong together, and are read where they are made.
    if (elements.some((each) => ts.isBindingElement(each) && keyOf(each) === 'code')) return [];
    const call =
      ts.isVariableDeclaration(parent) && parent.initializer && unwrapped(parent.initializer);
    if (!call || !ts.isCallExpression(call) || !ts.isObjectBindingPattern(element.parent))
      return [];
    const declared = this.#calls.calledBy(call);
    const values = (declared ? returnsOf(declared) : []).map((each) =>
      this.at(each, [keyOf(element)]),
    );
    const texts = values.flatMap((each) => (each ? this.texts(each, new Map(), depth + 1) : []));
    return texts.some(hasWords) ? unique(texts) : [];
  }

  #property(node: ts.PropertyAccessExpression, bound: Bindings, depth: number): readonly Text[] {
    const literal = this.#objectOf(node.expression);
    const value = literal && memberOf(literal, node.name.text);
    if (value) return this.texts(value, bound, depth + 1);
    const ofParameter = this.holeAt(node.expression, [node.name.text]);
    if (ofParameter) return [[{ ...ofParameter, name: node.name.text }]];
    const field = this.#checker.getSymbolAtLocation(node.name)?.valueDeclaration;
    if (field && ts.isPropertyDeclaration(field) && field.initializer) {
      const texts = this.texts(field.initializer, bound, depth + 1);
      if (texts.some(hasWords)) return texts;
    }
    if (field && ts.isGetAccessor(field)) {
      const texts = returnsOf(field).flatMap((each) => this.texts(each, bound, depth + 1));
      if (texts.some(hasWords)) return few(node, texts);
    }
    const given =
      field && ts.isPropertyDeclaration(field) && this.#calls.assignedInConstructor(field);
    if (given) {
      const texts = this.texts(given, bound, depth + 1);
      if (texts.some((text) => text.some((part) => typeof part === 'string' || part.parameter))) {
        return texts;
      }
    }
    return [[hole(node)]];
  }

  #element(node: ts.ElementAccessExpression, bound: Bindings, depth: number): readonly Text[] {
    const literal = this.#objectOf(node.expression);
    if (!literal) return [[hole(node)]];
    const values = literal.properties.flatMap((each) =>
      ts.isPropertyAssignment(each) ? [each.initializer] : [],
    );
    return unique(values.flatMap((each) => this.texts(each, bound, depth + 1)));
  }

  #objectOf(node: ts.Expression): ts.ObjectLiteralExpression | undefined {
    const bare = unwrapped(node);
    if (ts.isObjectLiteralExpression(bare)) return bare;
    if (ts.isPropertyAccessExpression(bare)) {
      const whole = this.#objectOf(bare.expression);
      const value = whole && memberOf(whole, bare.name.text);
      return value && this.#objectOf(value);
    }
    const initializer = this.#initializerOf(bare);
    return initializer && this.#objectOf(initializer);
  }

  #arrayOf(node: ts.Expression): ts.ArrayLiteralExpression | undefined {
    const bare = unwrapped(node);
    if (ts.isArrayLiteralExpression(bare)) return bare;
    const initializer = this.#initializerOf(bare);
    return initializer && this.#arrayOf(initializer);
  }

  #initializerOf(node: ts.Expression): ts.Expression | undefined {
    if (!ts.isIdentifier(node)) return undefined;
    const declaration = this.#symbolOf(node)?.valueDeclaration;
    const isConstant = declaration && ts.isVariableDeclaration(declaration);
    return isConstant ? declaration.initializer : undefined;
  }

  #symbolOf(node: ts.Identifier): ts.Symbol | undefined {
    const isShort = ts.isShorthandPropertyAssignment(node.parent);
    const symbol = isShort
      ? this.#checker.getShorthandAssignmentValueSymbol(node.parent)
      : this.#checker.getSymbolAtLocation(node);
    const isAlias = symbol && (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    return isAlias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }
}

/** Short alternatives, and many of them, are a value. */
function few(node: ts.Expression, texts: readonly Text[]): readonly Text[] {
  const all = unique(texts);
  if (all.length > MOST_ALTERNATIVES) return [[hole(node)]];
  return all;
}

function rawTemplate({ template }: ts.TaggedTemplateExpression): readonly Text[] {
  return ts.isNoSubstitutionTemplateLiteral(template)
    ? [[template.rawText ?? template.text]]
    : [[{ name: 'text' }]];
}
