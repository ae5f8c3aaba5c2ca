// The controls of the playground: the clock, and events that are played by hand.
import { element, setText } from './dom.js';
import { clock } from './model.js';

const steps = [['10 s', 10], ['30 s', 30], ['1 min', 60], ['10 min', 600], ['1 h', 3600]];

// Of each kind of event: its label, the fields that it needs, and how it is made from them.
const kinds = {
  connect: { label: 'Connect', fields: ['session'], make: (f) => ({ type: 'connect', session: f.session }) },
  hide: {
    label: 'Connect invisible', fields: ['session'],
    make: (f) => ({ type: 'connect', session: f.session, invisible: true }),
  },
  disconnect: { label: 'Disconnect', fields: ['session'], make: (f) => ({ type: 'disconnect', session: f.session }) },
  heartbeat: { label: 'Heartbeat', fields: ['session'], make: (f) => ({ type: 'heartbeat', session: f.session }) },
  silent: { label: 'Fall silent', fields: [] },
  active: { label: 'Be active', fields: ['session'], make: (f) => ({ type: 'active', session: f.session }) },
  invisible: { label: 'Become invisible', fields: [], make: () => ({ type: 'visible', invisible: true }) },
  visible: { label: 'Become visible', fields: [], make: () => ({ type: 'visible', invisible: false }) },
  status: { label: 'Set the status', fields: ['text'], make: (f) => ({ type: 'status', status: f.text }) },
  availability: {
    label: 'Choose an availability', fields: ['availability'],
    make: (f) => ({ type: 'availability', ...(f.availability ? { availability: f.availability } : {}) }),
  },
  activity: {
    label: 'Set the activity', fields: ['session', 'match'],
    make: (f) => ({ type: 'update', session: f.session, activity: f.match ? { match: f.match } : {} }),
  },
  name: { label: 'Set the name', fields: ['text'], make: (f) => ({ type: 'data', name: 'name', value: f.text }) },
  remove: { label: 'Remove the user', fields: [], make: () => ({ type: 'remove' }) },
};

export function mountControls(playground, controls) {
  setText(document.getElementById('tagline'),
    'A playground: the library runs in this page, without a server, and you move its clock.');
  mountClock(playground, controls);
  mountForm(playground, controls);
  controls.hidden = false;
}

function mountClock(playground, controls) {
  const time = element('output', { class: 'clock', 'aria-label': 'Time' });
  const show = () => setText(time, clock(playground.now(), true));
  const buttons = steps.map(([label, seconds]) =>
    element('button', { type: 'button', 'aria-label': `Advance the clock by ${label}`, 'data-seconds': String(seconds),
      on: { click: () => playground.advance(seconds * 1000) } }, `+${label}`));
  const next = element('button', { type: 'button', title: 'Advance to the next time at which something changes',
    on: {
      click: () => {
        const at = playground.nextWakeup();
        if (at !== undefined) playground.advance(Math.max(0, at - playground.now()));
      },
    } }, 'Next change');
  let timer;
  const run = element('button', { type: 'button', class: 'run', 'aria-pressed': 'false',
    on: {
      click: () => {
        const isRunning = timer !== undefined;
        if (isRunning) {
          clearInterval(timer);
          timer = undefined;
        } else {
          timer = setInterval(() => playground.advance(1000), 1000);
        }
        run.setAttribute('aria-pressed', String(!isRunning));
        setText(run, isRunning ? 'Run' : 'Stop');
      },
    } }, 'Run');
  controls.append(element('div', { class: 'time' }, element('h2', {}, 'Let time pass'), time,
    element('span', { class: 'steps', role: 'group', 'aria-label': 'Clock' }, ...buttons, next, run)));
  playground.onTime(show);
  show();
}

function mountForm(playground, controls) {
  const users = element('datalist', { id: 'known-users' });
  const field = (name, label, input) => {
    input.name = name;
    return element('label', { class: `field of-${name}` }, element('span', {}, label), input);
  };
  const text = (value, more = {}) => element('input', { autocomplete: 'off', spellcheck: 'false', value, ...more });
  const choice = (options) => element('select', {}, ...options.map(([value, label]) => element('option', { value }, label)));

  const json = element('textarea',
    { class: 'event', rows: '2', spellcheck: 'false', 'aria-label': 'Event as JSON', dir: 'ltr' });
  const answer = element('output', { class: 'answer' });
  const form = element('form', { class: 'play' },
    element('div', { class: 'fields' },
      element('h2', {}, 'Play an event'),
      field('user', 'User', text('mary', { list: 'known-users', required: '', maxlength: '255' })),
      field('kind', 'What happens', choice(Object.entries(kinds).map(([value, { label }]) => [value, label]))),
      field('session', 'Session', text('console')),
      field('text', 'Text', text('')),
      field('availability', 'Availability',
        choice([['', 'Automatic'], ['available', 'Available'], ['away', 'Away'], ['busy', 'Busy']])),
      field('match', 'Match', text('2/4', { placeholder: 'none' })),
      element('button', { type: 'submit', class: 'primary' }, 'Play'),
      answer),
    json, users);
  controls.append(form);

  const value = (name) => form.elements[name].value;
  const fill = () => {
    const kind = kinds[value('kind')];
    for (const name of ['session', 'text', 'availability', 'match']) {
      form.querySelector(`.of-${name}`).hidden = !kind.fields.includes(name);
    }
    const values = Object.fromEntries(['session', 'text', 'availability', 'match'].map((name) => [name, value(name)]));
    json.hidden = !kind.make;
    json.value = kind.make ? JSON.stringify({ user: value('user'), ...kind.make(values) }) : '';
    users.replaceChildren(...[...playground.users].map((id) => element('option', { value: id })));
  };
  for (const name of ['user', 'kind', 'session', 'text', 'availability', 'match']) {
    form.elements[name].addEventListener('input', fill);
  }
  form.addEventListener('input', () => setText(answer, ''));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    try {
      if (json.hidden) {
        playground.silence(value('user'));
        answer.textContent = 'silent';
      } else {
        answer.textContent = playground.play(json.value);
      }
      answer.classList.remove('failed');
    } catch (error) {
      answer.textContent = error.message;
      answer.classList.add('failed');
    }
  });
  fill();
}
