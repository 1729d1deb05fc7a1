/** Makes elements. Whatever the service says becomes text, and never markup. */

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {(Node | string)[]} content
 */
export function element(name, attributes = {}, ...content) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...content);
  return made;
}

const shownIn = new WeakMap();

/** Only where something has changed: the focus, a selection and screen readers are left alone. */
export function show(place, value, render) {
  const text = JSON.stringify(value);
  if (shownIn.get(place) === text) return;
  shownIn.set(place, text);
  place.replaceChildren(...render(value));
}

/** Terms with their values. */
export function tiles(facts) {
  const tile = ([term, value, note = '', kind = '']) =>
    element(
      'div',
      kind ? { class: kind } : {},
      element('dt', {}, term),
      element('dd', {}, value),
      ...(note ? [element('dd', { class: 'note' }, note)] : []),
    );
  return element('dl', { class: 'tiles' }, ...facts.map(tile));
}

/** On a narrow screen the values of a row follow each other, with the names of their columns. */
export function table(caption, columns, rows) {
  const cell = (value, index) => {
    if (index === 0) return element('th', { scope: 'row', role: 'rowheader' }, value);
    const isNumber = typeof value === 'number';
    // A mark needs no name before it.
    const name = isNumber || typeof value === 'string' ? { 'data-label': columns[index] } : {};
    return element(
      'td',
      { role: 'cell', class: isNumber ? 'number' : 'words', ...name },
      isNumber ? numberText(value) : value,
    );
  };
  const row = (values) => element('tr', { role: 'row' }, ...values.map(cell));
  const heads = columns.map((name, index) =>
    element(
      'th',
      {
        scope: 'col',
        role: 'columnheader',
        class: rows.some((values) => typeof values[index] === 'number') ? 'number' : 'words',
      },
      name,
    ),
  );
  // The roles stay where the style makes blocks of rows.
  return element(
    'table',
    { role: 'table' },
    element('caption', {}, caption),
    element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...heads)),
    element('tbody', { role: 'rowgroup' }, ...rows.map(row)),
  );
}

export function mark(kind, text) {
  return element('span', { class: `mark ${kind}` }, text);
}

export function numberText(value) {
  return value.toLocaleString('en-US');
}

const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** In the time zone of the browser; with the date where that is not today. */
export function time(text) {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  return element('time', { datetime: text }, timeText(at));
}

export function timeText(at) {
  const isToday = at.toDateString() === new Date().toDateString();
  return (isToday ? clock : day).format(at);
}

export function shortVersion(version) {
  return version.length > 16 ? `${version.slice(0, 12)}…` : version;
}
