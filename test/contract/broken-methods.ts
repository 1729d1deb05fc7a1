/** Ways to make one method of a good subject misbehave. */

export type Call = (...args: readonly unknown[]) => Promise<unknown>;
export type Calls = Readonly<Record<string, Call>>;

/** A way in which a subject breaks a rule, seen from its own, good methods. */
export interface Breakage {
  readonly rule: string;
  readonly name: string;
  readonly methods: (own: Calls) => Calls;
}

export interface StoredLike {
  readonly value?: unknown;
  readonly document?: unknown;
  readonly etag: string;
}

export interface PageLike {
  readonly items: readonly StoredLike[];
  readonly continuation?: string;
}

/** The subject, with some of its methods replaced. */
export function withMethods<Subject extends object>(
  subject: Subject,
  methods: (own: Calls) => Calls,
): Subject {
  const own = new Proxy(subject, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function'
        ? (...args: unknown[]) => Reflect.apply(member, target, args) as unknown
        : member;
    },
  });
  const replaced: Record<string, unknown> = methods(own as unknown as Calls);
  return new Proxy(own, {
    get: (target, name) =>
      typeof name === 'string' && Object.hasOwn(replaced, name)
        ? replaced[name]
        : (Reflect.get(target, name) as unknown),
  });
}

/** The method of that name: a breakage names only methods that exist. */
export function pick(own: Calls, name: string): Call {
  return (...args) => {
    const call = own[name];
    if (!call) throw new Error(`no method ${name}`);
    return call(...args);
  };
}

export function hasErrorCode(error: unknown, code: string): boolean {
  return (error as { readonly code?: unknown }).code === code;
}

export function later(): Promise<void> {
  return new Promise(setImmediate);
}

/** The options bag without its signal, at any place in the arguments. */
export function withoutSignal(args: readonly unknown[]): readonly unknown[] {
  const isBag = (each: unknown): each is object =>
    typeof each === 'object' && each !== null && 'signal' in each;
  return args.map((each) => (isBag(each) ? { ...each, signal: undefined } : each));
}
