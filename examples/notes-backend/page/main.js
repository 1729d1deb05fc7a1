/** Signs in, watches, and signs out. */
import { Connection } from './connection.js';
import { Plot } from './plot.js';
import { showState } from './sections.js';

/** Of this tab alone; unlike a cookie, no request has it that this page does not make. */
const KEPT_AS = 'operator-token';
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const PROBLEMS = {
  401: 'This token is not accepted: it may have ended. Get another one.',
  403: 'This token is not that of an operator.',
};

const byId = (id) => document.getElementById(id);
const [form, input, problem] = ['sign-in', 'token', 'token-problem'].map(byId);
const [watching, leave, status] = ['watching', 'leave', 'connection'].map(byId);
const plot = new Plot({ place: byId('plot'), legend: byId('legend'), text: byId('plot-text') });
let connection;

form.addEventListener('submit', (event) => {
  event.preventDefault();
  // As it is often copied: with the word of the header, and line ends.
  const token = input.value.replace(/^\s*(authorization:)?\s*(bearer\s)?/i, '').replace(/\s/g, '');
  if (TOKEN.test(token)) begin(token);
  else refuse('This is no token: it has three parts, with points between them.');
});
leave.addEventListener('click', () => {
  end();
  say('unseen', 'Not connected');
  input.focus();
});

const kept = sessionStorage.getItem(KEPT_AS);
if (kept) begin(kept);
else input.focus();

function begin(token) {
  connection?.stop();
  say('unseen', 'Connecting');
  input.removeAttribute('aria-invalid');
  problem.textContent = '';
  connection = new Connection(token, {
    update(data) {
      if (form.hidden === false) {
        sessionStorage.setItem(KEPT_AS, token);
        input.value = '';
        form.hidden = true;
        watching.hidden = false;
        leave.hidden = false;
      }
      say('ok', 'Live');
      showState(data.state);
      plot.update(data);
    },
    lost(why) {
      say('fail', `Connection lost: ${why}`);
    },
    refused(code) {
      end();
      say('unseen', 'Not connected');
      refuse(PROBLEMS[code]);
    },
  });
  void connection.start();
}

function end() {
  connection?.stop();
  sessionStorage.removeItem(KEPT_AS);
  plot.clear();
  watching.hidden = true;
  leave.hidden = true;
  form.hidden = false;
}

function refuse(text) {
  problem.textContent = text;
  input.setAttribute('aria-invalid', 'true');
  input.focus();
}

function say(kind, text) {
  if (status.textContent === text) return;
  status.className = `mark ${kind}`;
  status.textContent = text;
}
