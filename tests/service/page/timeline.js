import { element, isolated, shape } from './dom.js';
import { clock, labels, lasting, nameOf } from './model.js';

const width = 720;
const height = 20;
// States differ in height as well as in colour.
const tops = { online: 3, busy: 3, away: 8, idle: 12, invisible: 4 };
const bottoms = { invisible: 16 };
const floor = 17;

// How many minutes may be shown, with the minutes between two marks of the axis.
const windows = [[5, 1], [15, 5], [30, 10], [60, 15]];

/**
 * Draws a row per user. `users` is in the order of the rows. A record that has begun lately is drawn larger. Returns how
 * many minutes are shown.
 */
export function drawTimeline(target, table, data, users) {
  const now = Date.parse(data.now);
  const recorded = (now - Date.parse(data.from)) / 60_000;
  const [minutes, step] = windows.find(([most]) => recorded <= most) ?? windows.at(-1);
  const length = minutes * 60_000;
  const begin = now - length;
  const from = Math.max(Date.parse(data.from), begin);
  const tracks = new Map(data.users.map((user) => [user.id, user.spans.map(withTimes)]));
  const rows = users.map((user) => ({ user, spans: tracks.get(user.id) ?? [] }));

  const x = (time) => Math.max(0, Math.min(width, ((time - begin) / length) * width));
  target.replaceChildren(...rows.map((row) => drawRow(row, x, from)), axis(minutes, step), legend(rows));
  table.replaceChildren(tableOf(rows));
  return minutes;
}

function withTimes(span) {
  return { state: span.state in tops ? span.state : 'offline', from: Date.parse(span.from), to: Date.parse(span.to) };
}

function drawRow({ user, spans }, x, from) {
  const picture = shape('svg', {
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: 'none',
    role: 'img',
    'aria-label': `${nameOf(user)}: ${summary(spans)}`,
  });
  picture.append(shape('rect', { class: 'unknown', x: 0, y: 0, width: x(from), height }));
  picture.append(shape('rect', { class: 'nothing', x: x(from), y: floor - 1, width: width - x(from), height: 1 }));
  for (const span of spans) {
    if (span.state === 'offline') continue;
    const top = tops[span.state];
    const bar = shape('rect', {
      class: span.state,
      x: x(span.from),
      y: top,
      width: Math.max(1.5, x(span.to) - x(span.from)),  // short spans remain visible
      height: (bottoms[span.state] ?? floor) - top,
    });
    bar.append(shape('title', {}, `${labels[span.state]} ${clock(span.from)}–${clock(span.to)}`));
    picture.append(bar);
  }
  return element('div', { class: 'row' }, element('span', { class: 'name' }, isolated(nameOf(user))), picture);
}

function summary(spans) {
  const shown = spans.filter((span) => span.state !== 'offline');
  if (shown.length === 0) return 'offline';
  const sums = new Map();
  for (const span of shown) sums.set(span.state, (sums.get(span.state) ?? 0) + span.to - span.from);
  return [...sums].map(([state, ms]) => `${labels[state].toLowerCase()} for ${lasting(ms)}`).join(', ');
}

function axis(minutes, step) {
  const marks = [`${minutes} min ago`];
  for (let mark = minutes - step; mark > 0; mark -= step) marks.push(String(mark));
  marks.push('now');
  return element('div', { class: 'row axis', 'aria-hidden': 'true' }, element('span', { class: 'name' }),
    element('span', { class: 'marks' }, ...marks.map((mark) => element('span', {}, mark))));
}

/** The states that occur. Colour and height say the same. */
function legend(rows) {
  const states = Object.keys(tops).filter((state) => rows.some(({ spans }) => spans.some((span) => span.state === state)));
  return element('ul', { class: 'legend', 'aria-hidden': 'true' }, ...states.map((state) => {
    const top = tops[state];
    const sample = shape('svg', { viewBox: `0 0 18 ${height}` },
      shape('rect', { class: state, x: 1, y: top, width: 16, height: (bottoms[state] ?? floor) - top }));
    return element('li', {}, sample, labels[state]);
  }));
}

function tableOf(rows) {
  const lines = rows.flatMap(({ user, spans }) =>
    (spans.length > 0 ? spans : [{ state: 'offline' }]).map((span) =>
      element('tr', {},
        element('th', { scope: 'row' }, isolated(nameOf(user))),
        element('td', {}, labels[span.state]),
        element('td', {}, span.from === undefined ? 'all the time' : clock(span.from, true)),
        element('td', {}, span.to === undefined ? '' : clock(span.to, true)))));
  const heads = ['Name', 'State', 'From', 'To'].map((head) => element('th', { scope: 'col' }, head));
  return element('table', {}, element('thead', {}, element('tr', {}, ...heads)), element('tbody', {}, ...lines));
}
