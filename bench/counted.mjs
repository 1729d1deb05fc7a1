/** A store or a key provider whose calls are counted. @module */

/** @param count - Called with the name of each method that is called. */
export function counted(subject, count) {
  const copy = Object.create(subject);
  for (const method of methodsOf(subject)) {
    copy[method] = (...args) => {
      count(method);
      return subject[method](...args);
    };
  }
  return copy;
}

function methodsOf(subject) {
  const names = new Set();
  for (let each = subject; each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
      if (typeof value === 'function' && name !== 'constructor') names.add(name);
    }
  }
  return names;
}
