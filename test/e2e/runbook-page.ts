/** The blocks of a runbook page that can be executed, in their order, with what the page says they print. @module */
import { readFileSync } from 'node:fs';
import remarkParse from 'remark-parse';
import { unified } from 'unified';

/** Something to be done before the blocks that follow it. */
export interface Given {
  readonly kind: 'given';
  /** A name in situations.ts. */
  readonly name: string;
  readonly line: number;
}

export interface Block {
  readonly kind: 'sh' | 'sql';
  readonly code: string;
  /** What it prints; absent where the page does not show it. */
  readonly expected: string | undefined;
  readonly exitCode: number;
  /** Whether the command is killed at a random moment, and the block run again. */
  readonly isKilled: boolean;
  /** Of the database, for a query. */
  readonly container: string;
  readonly line: number;
}

export type Step = Block | Given;

/** A heading of the second level, and all below it. What stands before the first has an empty title. */
export interface Section {
  readonly title: string;
  readonly steps: readonly Step[];
}

export class PageError extends Error {
  override readonly name = 'PageError';
}

const markdown = unified().use(remarkParse);

type Root = ReturnType<typeof markdown.parse>;
type Node = Root['children'][number];
type Code = Node & { readonly type: 'code' };
type Heading = Node & { readonly type: 'heading' };
type Html = Node & { readonly type: 'html' };

interface Directives {
  exitCode?: number;
  isKilled?: boolean;
  container?: string;
}

export function readRunbookPage(file: string): readonly Section[] {
  return sectionsIn(readFileSync(file, 'utf8'), file);
}

/** @throws PageError where it has a directive that does not exist, or one that belongs to no block. */
export function sectionsIn(text: string, file: string): readonly Section[] {
  const reader = new SectionReader(file);
  for (const node of markdown.parse(text).children.flatMap(withInner)) reader.take(node);
  return reader.finish();
}

/** Also those within lists and quotes. */
function withInner(node: Node): readonly Node[] {
  if (node.type === 'list') return node.children.flatMap(withInner);
  if (node.type === 'listItem' || node.type === 'blockquote')
    return node.children.flatMap(withInner);
  return [node];
}

class SectionReader {
  readonly #file: string;
  readonly #sections: { title: string; steps: Step[] }[] = [{ title: '', steps: [] }];
  #directives: Directives | undefined;
  /** A block whose text may still come. */
  #open: Block | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  take(node: Node): void {
    if (this.#directives && node.type !== 'code') throw this.#error(node, 'belongs to no block');
    if (node.type === 'heading') this.#heading(node);
    else if (node.type === 'html') this.#comment(node);
    else if (node.type === 'code') this.#code(node);
  }

  finish(): readonly Section[] {
    const last = this.#sections.at(-1)?.title ?? '';
    if (this.#directives) throw new PageError(`${this.#file}: a directive ends ${last}`);
    return this.#sections.filter(({ title, steps }) => title !== '' || steps.length > 0);
  }

  #heading(node: Heading): void {
    this.#open = undefined;
    if (node.depth === 2) this.#sections.push({ title: textIn(node), steps: [] });
  }

  #comment(node: Html): void {
    const [, about = '', rest = ''] = /^<!--\s*(e2e|given):\s*(.*?)\s*-->$/.exec(node.value) ?? [];
    if (about === '') {
      if (/e2e|given/i.test(node.value)) throw this.#error(node, 'is no directive');
      return;
    }
    if (about === 'given') this.#given(node, rest);
    else this.#directives = this.#directivesIn(node, rest);
  }

  #given(node: Node, name: string): void {
    if (!/^[a-z][a-z0-9-]*$/.test(name)) throw this.#error(node, 'is no name of a situation');
    this.#open = undefined;
    this.#steps.push({ kind: 'given', name, line: lineOf(node) });
  }

  #directivesIn(node: Node, text: string): Directives {
    const read: Directives = {};
    for (const word of text.split(/[\s,]+/)) {
      const exit = /^exit=(\d{1,3})$/.exec(word)?.[1];
      if (exit !== undefined) read.exitCode = Number(exit);
      else if (word === 'while=kill') read.isKilled = true;
      else if (/^container=[a-z_]+$/.test(word)) read.container = word.replace(/^.*=/, '');
      else throw this.#error(node, `has an unknown directive: ${word}`);
    }
    return read;
  }

  #code(node: Code): void {
    const { lang } = node;
    if (lang === 'sh' || lang === 'sql') this.#block(node, lang);
    else if (lang === 'text') this.#text(node);
    else if (this.#directives) throw this.#error(node, 'is not executed, and has a directive');
    else this.#open = undefined;
  }

  #block(node: Code, kind: Block['kind']): void {
    const { exitCode = 0, isKilled = false, container = 'dek_store' } = this.#directives ?? {};
    this.#directives = undefined;
    const block = {
      kind,
      code: node.value,
      expected: undefined,
      exitCode,
      isKilled,
      container,
      line: lineOf(node),
    };
    this.#steps.push(block);
    this.#open = block;
  }

  /** Of the block before it; a second one, and one after other code, is only to be read. */
  #text(node: Code): void {
    if (this.#directives) throw this.#error(node, 'is not executed, and has a directive');
    if (this.#open) {
      const steps = this.#steps;
      steps[steps.length - 1] = { ...this.#open, expected: node.value };
    }
    this.#open = undefined;
  }

  get #steps(): Step[] {
    return this.#sections.at(-1)?.steps ?? [];
  }

  #error(node: Node, problem: string): PageError {
    return new PageError(`${this.#file}:${String(lineOf(node))} ${problem}`);
  }
}

function lineOf(node: Node): number {
  return node.position?.start.line ?? 0;
}

/** Of a heading, as it is read. */
function textIn(node: Heading | Heading['children'][number]): string {
  if ('value' in node) return node.value;
  return 'children' in node ? node.children.map(textIn).join('') : '';
}
