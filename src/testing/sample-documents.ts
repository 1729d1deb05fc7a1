/** Documents for the contract kit, named by the properties of `CONTRACT_DOCUMENT_KEY`. @module */

export interface SampleDocument extends Record<string, unknown> {
  readonly workspaceId: string;
  readonly id: string;
}

export function sampleDocument(properties: Record<string, unknown> = {}): SampleDocument {
  return { workspaceId: 'w1', id: 'n1', body: 'text', ...properties };
}

/** As many documents of one workspace, each with a key of its own. */
export function sampleDocuments(count: number, idPrefix = 'n'): SampleDocument[] {
  return Array.from({ length: count }, (_, index) =>
    sampleDocument({ id: `${idPrefix}-${String(index)}`, body: `text ${String(index)}` }),
  );
}
