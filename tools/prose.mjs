import { search } from 'nlcst-search';
import remarkParse from 'remark-parse';
import remarkRetext from 'remark-retext';
import retextEnglish from 'retext-english';
import retextIndefiniteArticle from 'retext-indefinite-article';
import retextRepeatedWords from 'retext-repeated-words';
import { forEachComment } from 'ts-api-utils';
import ts from 'typescript';
import { unified } from 'unified';
import { VFile } from 'vfile';
import { PLAIN_WORDS } from './plain-words.mjs';

const prose = unified()
  .use(retextEnglish)
  .use(plainWords)
  .use(retextRepeatedWords)
  .use(retextIndefiniteArticle);
// Without an extension for tables: of those, remark-retext would leave out the cells.
const markdown = unified().use(remarkParse).use(remarkRetext, prose);

/** @returns What is not plain in a file, as `{ line, reason }` in order of lines. */
export async function proseFindings(name, text) {
  const passages = name.endsWith('.md') ? [{ line: 1, text }] : passagesOf(name, text);
  const findings = await Promise.all(passages.map(passageFindings));
  return findings.flat().sort((a, b) => a.line - b.line);
}

async function passageFindings(passage) {
  const file = new VFile(passage.text);
  await markdown.run(markdown.parse(file), file);
  return file.messages.map(({ line, reason }) => ({ line: passage.line + line - 1, reason }));
}

function plainWords() {
  return (tree, file) => {
    search(tree, Object.keys(PLAIN_WORDS), (nodes, _index, _parent, phrase) => {
      file.message(`"${phrase}": write ${PLAIN_WORDS[phrase]}`, { place: nodes[0].position });
    });
  };
}

/** @returns The comments of a source file, and its strings and templates of more than one word. */
function passagesOf(name, text) {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const passages = [];
  forEachComment(source, (_text, { pos, end }) => add(pos, commentText(text.slice(pos, end))));
  visit(source);
  return passages;

  function visit(node) {
    const string = stringText(node);
    if (string?.trim().includes(' ')) add(node.getStart(), string);
    ts.forEachChild(node, visit);
  }

  function add(position, content) {
    const { line } = source.getLineAndCharacterOfPosition(position);
    passages.push({ line: line + 1, text: content });
  }
}

/** @returns A comment without its marks, on the same lines. */
function commentText(comment) {
  return comment.replace(/^\/\*\*?|\*\/$|^\/\/ ?/g, '').replace(/^ *\* ?/gm, '');
}

/** @returns The text of a string or template, with `…` where a value is put in. */
function stringText(node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('');
}
