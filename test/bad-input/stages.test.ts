import { describe, expect, it } from 'vitest';
import { defineDocument, type DocumentDefinition } from '../../src/index.js';
import { failureOf } from '../support/failure.js';

type AnyShape = Record<string, unknown>;

function define(more: AnyShape): DocumentDefinition<object, string, string, string> {
  const shape = { collection: 'notes', key: ['id'], fields: ['body', 'tags', 'meta.loc'], ...more };
  return defineDocument()(shape as never);
}

describe('stages of a definition', () => {
  it('are sealed for every path that is not named', () => {
    expect({ ...define({ stages: { tags: 'opening', body: undefined } }).stages }).toEqual({
      body: 'sealed',
      tags: 'opening',
      'meta.loc': 'sealed',
    });
    expect({ ...define({}).stages }).toEqual({
      body: 'sealed',
      tags: 'sealed',
      'meta.loc': 'sealed',
    });
  });

  it('are refused for a path that is not declared', () => {
    expect(failureOf(() => define({ stages: { tag: 'opening' } }))).toMatchObject({
      name: 'RangeError',
      message:
        '"stages.tag" is no option: expected body, tags, meta.loc; did you mean "stages.tags"?',
    });
  });

  it.each([
    ['open', '"stages["tags"]" expected one of "sealed", "sealing", "opening", got a string'],
    [1, '"stages["tags"]" expected one of "sealed", "sealing", "opening", got a number'],
  ])('are refused for an unknown stage: %j', (stage, message) => {
    expect(failureOf(() => define({ stages: { tags: stage } }))).toMatchObject({ message });
  });

  it('are refused as a list', () => {
    expect(failureOf(() => define({ stages: ['tags'] }))).toMatchObject({ name: 'TypeError' });
  });
});

describe('former paths of a definition', () => {
  it('may overlap declared paths, and each other', () => {
    const former = ['tags[]', 'meta', 'meta.loc.city', 'titel', 'titel[].a'];
    expect(define({ former }).former).toEqual(former);
  });

  it.each<[unknown[], string]>([
    [['body'], 'The former path "body" is also one of "fields": remove it from "former"'],
    [['id'], 'The former path "id" is part of the document\'s key'],
    [['id.part'], 'The former path "id.part" is part of the document\'s key'],
    [['titel', 'titel'], '"former" names a path twice'],
    [['a..b'], 'The former path "a..b" has an empty property name'],
    [['__proto__'], 'The former path "__proto__" uses the reserved name "__proto__"'],
    [[1], '"former" expected paths as strings'],
  ])('are refused: %j', (former, message) => {
    expect(failureOf(() => define({ former }))).toMatchObject({ message });
  });

  it('are refused as text', () => {
    expect(failureOf(() => define({ former: 'titel' }))).toMatchObject({
      name: 'TypeError',
      message: '"former" expected a list of paths',
    });
  });
});
