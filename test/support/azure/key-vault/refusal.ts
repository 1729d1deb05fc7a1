/** The service's ways to say no, as they look on the wire. @module */

export interface RefusalDetails {
  readonly status: number;
  readonly code: string;
  readonly message?: string | undefined;
  readonly innerCode?: string | undefined;
}

export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly innerCode: string | undefined;

  constructor({
    status,
    code,
    message = `The test server says ${code}.`,
    innerCode,
  }: RefusalDetails) {
    super(message);
    this.status = status;
    this.code = code;
    this.innerCode = innerCode;
  }

  get body(): Readonly<Record<string, unknown>> {
    const { code, message, innerCode } = this;
    const innererror = innerCode === undefined ? {} : { innererror: { code: innerCode } };
    return { error: { code, message, ...innererror } };
  }
}

export function badParameter(message: string): Refusal {
  return new Refusal({ status: 400, code: 'BadParameter', message });
}

export function forbidden(innerCode: string, message: string): Refusal {
  return new Refusal({ status: 403, code: 'Forbidden', innerCode, message });
}

export function conflict(innerCode: string, message: string): Refusal {
  return new Refusal({ status: 409, code: 'Conflict', innerCode, message });
}

export function keyNotFound(id: string): Refusal {
  const message = `The vault has no key ${id}; one that was deleted can perhaps be recovered.`;
  return new Refusal({ status: 404, code: 'KeyNotFound', message });
}
