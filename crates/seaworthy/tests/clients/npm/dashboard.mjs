// A real browser at the dashboard: Chromium, driven by `playwright-core` from npm.
//
//     TOKEN=… node dashboard.mjs FOLDER-WITH-NODE_MODULES SCENARIO CONTROL-URL GATEWAY-URL UPSTREAM-URL [ROLE]
//
// Plays one scenario and prints what it saw as a line of JSON; what that has to be is the test's to say. Nothing waits for
// a time to pass, only for what has to come about: what does not is an error that says what was waited for.
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const [folder, scenario, control, gateway, upstream, role] = process.argv.slice(2);
const { chromium } = createRequire(join(folder, 'node_modules', 'x'))('playwright-core');
const LONGEST = 120_000;
const PASSWORD = 'a password that nobody guesses';
const jobFails = { max_attempts: 1, backoff: 'fixed', delay: '1s' };

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  timeout: LONGEST,
  args: ['--no-sandbox', '--disable-background-networking', '--disable-dev-shm-usage', '--disable-gpu', '--no-proxy-server'],
});

/// Looks again and again until `look` sees something.
async function until(what, look) {
  for (const end = Date.now() + LONGEST; Date.now() < end; await pause(30)) {
    const seen = await look();
    if (seen) return seen;
  }
  throw new Error(`never came about: ${what}`);
}

/// Calls the API: as the operator, or with headers of one's own. The answer's status stands beside its members.
async function call(method, path, body, headers = { authorization: `Bearer ${process.env.TOKEN}` }) {
  const answer = await fetch(control + path, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, cookies: answer.headers.getSetCookie(), ...(text.startsWith('{') ? JSON.parse(text) : {}) };
}

/// The same where it has to succeed.
async function api(method, path, body) {
  const answer = await call(method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}

// ---- browsers -------------------------------------------------------------------------------------------------------

/// What no page may do, of whatever tab.
const wrong = [];
/// Orders that left a browser.
const sent = [];
/// Statuses that are asked for on purpose just now.
let expected = [];

/// Runs inside of pages, before anything of theirs.
const listen = () => {
  addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.effectiveDirective} ${event.blockedURI}`));
  window.said = [];
  addEventListener('DOMContentLoaded', () => {
    const place = document.querySelector('#said');
    if (place) new MutationObserver(() => place.textContent && window.said.push(place.textContent)).observe(place, { childList: true });
  });
};

/// A browser with cookies of its own, watched.
async function visitor(options = {}) {
  const context = await browser.newContext({ reducedMotion: 'reduce', viewport: { width: 1440, height: 900 }, ...options });
  context.setDefaultTimeout(LONGEST);
  await context.addInitScript(listen);
  context.on('request', (request) => {
    if (new URL(request.url()).origin !== control) wrong.push(`elsewhere: ${request.url()}`);
    if (request.method() !== 'GET') sent.push(`${request.method()} ${request.url()}`);
  });
  context.on('response', (response) => {
    if (response.status() >= 400 && !expected.includes(response.status())) {
      wrong.push(`${response.status()} ${response.request().method()} ${response.url()}`);
    }
  });
  context.on('console', (message) => {
    const isStatus = message.text().startsWith('Failed to load resource: the server responded');
    if (['error', 'warning'].includes(message.type()) && !isStatus) wrong.push(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => wrong.push(`script: ${error.error()}`));
  return { context, page: await context.newPage() };
}

/// What is asked for in the meantime may be answered with these.
async function expecting(statuses, work) {
  expected = statuses;
  try {
    return await work();
  } finally {
    expected = [];
  }
}

async function logIn(page, name, password, lands = '/dashboard') {
  await page.fill('#name', name);
  await page.fill('#password', password);
  await note(page);
  await page.locator('form.log-in', { has: page.locator('#name') }).locator('button').click();
  pressed.add('Log in');
  if (lands) await page.waitForURL(control + lands);
}

/// Somebody new of this role, logged in with a password of their own.
async function enter(page, name, of) {
  const made = await api('POST', '/api/v1/users', { name, roles: [of], display_name: `Somebody of ${of}` });
  await page.goto(`${control}/dashboard`);
  await logIn(page, name, made.password, '/dashboard/account');
  await press(page, 'PUT', '/api/v1/account/password', { fields: { current: made.password, new: PASSWORD }, lands: '/dashboard' });
  return made.user.id;
}

// ---- what can be pressed ----------------------------------------------------------------------------------------------

/// By name: what stands on it, and the call it is.
const [shown, pressed] = [new Set(), new Set()];

/// Paths with a star for every name of a thing.
function template(path) {
  const fixed = ['replay', 'redrives', 'password', 'sessions'];
  const things = ['queues', 'jobs', 'dead-letters', 'redrives', 'alerts', 'silences', 'services', 'users', 'keys', 'sessions'];
  const parts = path.replace(/^\/api\/v1\//, '').split('/');
  return parts.map((part, at) => (things.includes(parts[at - 1]) && !fixed.includes(part) ? '*' : part)).join('/');
}

/// Runs inside of pages.
const buttons = () =>
  [...document.querySelectorAll('button')]
    .filter((button) => button.checkVisibility() && !button.closest('dialog'))
    .map((button) => {
      const { method, path } = button.closest('.order')?.dataset ?? {};
      return [button.firstChild.textContent.trim(), method, path];
    });

/// Notes all that can be pressed on a page.
async function note(page) {
  for (const [label, method, path] of await page.evaluate(buttons)) {
    shown.add(method ? `${label} ${method} ${template(path)}` : label);
  }
}

/// Presses what stands for this call, or fills and submits its form, and waits until the page says that it is done.
async function press(page, method, path, { label, near = page, fields = {}, says, refuse, lands } = {}) {
  const call = `[data-method="${method}"][data-path="${path}"]`;
  let it = near.locator(`button.order${call}, form.order${call}`);
  if (label) it = it.filter({ hasText: label });
  await it.waitFor();
  await note(page);
  for (const [name, value] of Object.entries(fields)) {
    const field = it.locator(`[name="${name}"]`);
    if ((await field.evaluate((field) => field.nodeName)) === 'SELECT') await field.selectOption(value);
    else await field.fill(value);
  }
  const isForm = (await it.evaluate((it) => it.nodeName)) === 'FORM';
  const button = isForm ? it.locator('button') : it;
  const [ask, done] = [await it.getAttribute('data-confirm'), await it.getAttribute('data-done')];
  const name = `${(await button.evaluate((button) => button.firstChild.textContent)).trim()} ${method} ${template(path)}`;
  await page.evaluate(() => void (window.said.length = 0));
  const before = sent.length;
  const answered = says || refuse ? null : page.waitForResponse((one) => one.request().method() === method && one.url() === control + path);
  await Promise.all([answered, push(page, button, ask, refuse)]);
  if (refuse) {
    if (sent.length !== before) throw new Error(`${name}: it was called off, and sent`);
    return;
  }
  if (lands) await page.waitForURL(control + lands);
  else await until(`${name}: ${says ?? done}`, () => page.evaluate((text) => window.said.includes(text), says ?? done));
  if (!says) pressed.add(name);
}

async function push(page, button, ask, refuse) {
  await button.click();
  if (!ask) return;
  await until(`it is asked: ${ask}`, async () => (await page.textContent('#ask-what')) === ask);
  if (refuse === 'Escape') await page.keyboard.press('Escape');
  else await page.click(refuse ? '#ask-no' : '#ask-yes');
  await page.locator('#ask').waitFor({ state: 'hidden' });
}

/// Waits until the page, as it is kept current, shows this.
const shows = (page, selector, text) => page.locator(selector, { hasText: text }).first().waitFor();

// ---- what there is --------------------------------------------------------------------------------------------------

const add = async (path, more = {}) => {
  const job = { kind: 'http', queue: 'mail', payload: { url: upstream + path, json: { to: 'ann' } }, retry: jobFails, ...more };
  return (await api('POST', '/api/v1/jobs', job)).id;
};
const job = (id) => api('GET', `/api/v1/jobs/${id}`);
const comes = (id, state) => until(`job ${id} is ${state}`, async () => (await job(id)).state === state);
const till = () => api('GET', '/api/v1/services/till/replicas');
const alert = async (name) => (await api('GET', '/api/v1/alerts?limit=1000')).alerts.find((alert) => alert.name === name && alert.state === 'firing');
const ready = (replicas) => async () => {
  const now = await till();
  return now.ready === replicas && now.instances.length === replicas && now.rollout.state === 'Complete' && now;
};
const external = (name) => ({ labels: { alertname: name, severity: 'info', instance: 'db-1' }, annotations: { summary: `${name} of db-1` } });

/// Everything in every state that has something to press.
async function seed() {
  for (const path of ['/items', '/items/7', '/status/404', '/status/503', '/gone/x', '/gone/y', '/till/a']) await fetch(gateway + path);
  await api('POST', '/api/v1/queues/quiet/pause');
  const ids = {
    done: await add('/work'),
    later: await add('/work', { delay: '1h' }),
    unwanted: await add('/work', { delay: '1h' }),
    waiting: await add('/work', { queue: 'quiet' }),
    letters: [await add('/status/422'), await add('/status/422'), await add('/status/422')],
    odd: await add('/status/404'),
    broken: await add('/status/410'),
    parked: await add('/status/409', { queue: 'archive' }),
    old: [await add('/status/451', { queue: 'archive' }), await add('/status/451', { queue: 'archive' })],
  };
  await comes(ids.done, 'completed');
  for (const id of [...ids.letters, ids.odd, ids.broken, ids.parked, ...ids.old]) await comes(id, 'discarded');
  await api('POST', `/api/v1/dead-letters/${ids.parked}/park`, { reason: 'asks a lawyer' });
  const redrive = { asked_by: 'operator', filter: { queue: 'archive' }, rate: { starts: 1, per: '1h' } };
  ids.redrive = (await api('POST', '/api/v1/dead-letters/redrives', redrive)).id;
  const silence = { matchers: ['alertname=Nothing'], duration: '1h', comment: 'from before' };
  ids.silence = (await api('POST', '/api/v1/silences', silence)).id;
  const bob = await api('POST', '/api/v1/users', { name: 'bob', roles: ['viewer'], password: PASSWORD });
  ids.bob = bob.user.id;
  const key = await api('POST', '/api/v1/keys', { name: 'ci', owner: 'bob', roles: ['viewer'] });
  Object.assign(ids, { key: key.key.id, secret: key.secret });
  await api('POST', '/api/v2/alerts', [external('DiskFull')]);
  ids.alert = (await until('the dead upstream is noticed', () => alert('Unreachable'))).id;
  ids.request = (await api('GET', '/api/v1/requests?limit=10')).requests[0].request_id;
  await until('the supervised service is ready', ready(1));
  return ids;
}

/// Every page.
const pages = (ids) => [
  '/dashboard',
  '/dashboard/services/shop',
  '/dashboard/services/gone',
  '/dashboard/services/till',
  '/dashboard/requests',
  `/dashboard/requests/${ids.request}`,
  '/dashboard/jobs',
  `/dashboard/jobs/${ids.later}`,
  '/dashboard/dead-letters',
  '/dashboard/dead-letters?parked=include',
  `/dashboard/dead-letters/${ids.odd}`,
  `/dashboard/dead-letters/${ids.parked}`,
  '/dashboard/alerts',
  '/dashboard/people',
  '/dashboard/audit',
  '/dashboard/account',
];

/// Every order that a page can give, and who may give it.
const orders = (ids) => [
  ['operator', 'POST', '/api/v1/queues/mail/pause'],
  ['operator', 'POST', '/api/v1/queues/quiet/resume'],
  ...['retry', 'cancel'].map((word) => ['user', 'POST', `/api/v1/jobs/${ids.later}/${word}`]),
  ['operator', 'POST', '/api/v1/dead-letters/replay', { filter: {}, most: 1 }],
  ['operator', 'POST', `/api/v1/dead-letters/${ids.odd}/replay`],
  ['operator', 'PUT', `/api/v1/dead-letters/${ids.odd}/payload`, { editor: 'me', payload: {} }],
  ['operator', 'POST', `/api/v1/dead-letters/${ids.odd}/park`, { reason: 'mine' }],
  ['operator', 'POST', `/api/v1/dead-letters/${ids.parked}/unpark`],
  ['operator', 'POST', '/api/v1/dead-letters/redrives', { asked_by: 'me', filter: {}, rate: { starts: 1, per: '1s' } }],
  ...['pause', 'resume', 'cancel'].map((word) => ['operator', 'POST', `/api/v1/dead-letters/redrives/${ids.redrive}/${word}`]),
  ...['acknowledge', 'unacknowledge', 'resolve'].map((word) => ['operator', 'POST', `/api/v1/alerts/${ids.alert}/${word}`, {}]),
  ['operator', 'POST', '/api/v1/silences', { matchers: ['alertname=DiskFull'], duration: '1h', comment: 'mine' }],
  ['operator', 'DELETE', `/api/v1/silences/${ids.silence}`],
  ['operator', 'PUT', '/api/v1/services/till/replicas', { replicas: 0 }],
  ...['restart', 'stop', 'start'].map((word) => ['operator', 'POST', `/api/v1/services/till/${word}`]),
  ['admin', 'DELETE', `/api/v1/users/${ids.bob}/sessions`],
  ['admin', 'DELETE', `/api/v1/keys/${ids.key}`],
];

/// What none of these orders may change.
async function state(ids) {
  const [odd, parked, later, now] = [await job(ids.odd), await job(ids.parked), await job(ids.later), await till()];
  const [silences, redrives] = [await api('GET', '/api/v1/silences'), await api('GET', '/api/v1/dead-letters/redrives')];
  const letter = ({ state, replays, parked, payload }) => ({ state, replays, parked, payload });
  return JSON.stringify({
    queues: (await api('GET', '/api/v1/queues')).queues.map(({ name, paused }) => [name, paused]),
    letters: [letter(odd), letter(parked), later.state],
    redrives: redrives.redrives.map(({ id, state }) => [id, state]),
    alert: (await alert('Unreachable'))?.acknowledged ?? null,
    silences: silences.silences.map(({ id, state }) => [id, state]),
    till: [now.replicas, now.stopped, now.instances.map(({ pid }) => pid)],
    keys: (await api('GET', '/api/v1/keys')).keys.map(({ id }) => id),
  });
}

// Runs inside of pages: an order as a page's own script sends it, and as a form sends it.
const order = async ([method, path, body, token]) => {
  const csrf = token ?? document.querySelector('meta[name=csrf]').content;
  const headers = { accept: 'application/json', 'x-csrf-token': csrf, 'content-type': 'application/json' };
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  return [answer.status, (await answer.json()).reason];
};
const form = (path) => {
  const form = Object.assign(document.createElement('form'), { method: 'post', action: path });
  document.body.append(form);
  form.submit();
};

// ---- scenarios --------------------------------------------------------------------------------------------------------

/// Somebody of a role presses everything there is to be pressed, and sends by hand what is not shown.
async function presses() {
  const ids = await seed();
  const { page, context } = await visitor();
  ids.me = await enter(page, 'ann', role);
  const [ways, statuses] = [await page.$$eval('nav.ways a', (all) => all.map((a) => a.textContent)), {}];
  for (const path of pages(ids)) {
    const answer = await expecting([403], () => page.goto(control + path));
    statuses[path.replaceAll(/\/\d+$/g, '/*').replace(ids.request, '*')] = answer.status();
    if (answer.status() === 200) await note(page);
  }
  const rank = (name) => ['viewer', 'user', 'operator', 'admin'].indexOf(name);
  const may = (least) => rank(role) >= rank(least);
  await page.goto(`${control}/dashboard`);
  const before = await state(ids);
  const refused = {};
  for (const [least, method, path, body] of orders(ids)) {
    if (!may(least)) refused[`${method} ${template(path)}`] = await expecting([403], () => page.evaluate(order, [method, path, body]));
  }
  refused['without its token'] = await expecting([403], () => page.evaluate(order, ['POST', `/api/v1/jobs/${ids.later}/cancel`, undefined, '']));
  const pause = `${control}/api/v1/queues/mail/pause`;
  await expecting([403], async () => {
    const [answer] = await Promise.all([page.waitForResponse(pause), page.evaluate(form, pause), page.waitForURL(pause)]);
    refused['as a form'] = [answer.status(), JSON.parse(await page.textContent('body')).reason];
  });
  const changed = before !== (await state(ids)) && [before, await state(ids)];
  if (may('user')) await jobs(page, ids);
  if (may('operator')) {
    await queues(page);
    await letters(page, ids);
    await redrives(page);
    await alerts(page, ids);
    await services(page);
  }
  if (may('admin')) await people(page, ids);
  await account(page, ids);
  const entries = (await api('GET', `/api/v1/audit?limit=500`)).entries.filter((entry) => entry.actor_name === 'ann');
  const did = [...new Set(entries.filter((entry) => entry.outcome === 'success').map((entry) => entry.action))].sort();
  await context.close();
  return { ways, statuses, refused, changed, did };
}

/// Orders to jobs.
async function jobs(page, { later, unwanted }) {
  await page.goto(`${control}/dashboard/jobs?state=scheduled`);
  await page.click(`a[href="/dashboard/jobs/${later}"]`);
  await press(page, 'POST', `/api/v1/jobs/${later}/retry`);
  await comes(later, 'completed');
  await shows(page, '.heading .status', 'completed');
  await page.goto(`${control}/dashboard/jobs/${unwanted}`);
  const cancel = `/api/v1/jobs/${unwanted}/cancel`;
  await press(page, 'POST', cancel, { refuse: 'button' });
  await press(page, 'POST', cancel, { refuse: 'Escape' });
  await press(page, 'POST', cancel);
  await comes(unwanted, 'cancelled');
  await shows(page, '.heading .status', 'cancelled');
}

/// Orders to queues.
async function queues(page) {
  await page.goto(`${control}/dashboard/jobs`);
  const mail = page.locator('tr', { has: page.locator('th a', { hasText: /^mail$/ }) });
  const paused = async (is) => (await api('GET', '/api/v1/queues')).queues.find(({ name }) => name === 'mail').paused === is;
  await press(page, 'POST', '/api/v1/queues/mail/pause', { refuse: 'button' });
  await press(page, 'POST', '/api/v1/queues/mail/pause');
  await until('the queue is paused', () => paused(true));
  await mail.locator('.status', { hasText: 'paused' }).waitFor();
  await press(page, 'POST', '/api/v1/queues/mail/resume');
  await until('the queue goes on', () => paused(false));
  await mail.locator('.status', { hasText: 'open' }).waitFor();
}

/// Dead letters: together, one by one, mended, kept apart.
async function letters(page, { letters, odd, broken }) {
  const list = `${control}/dashboard/dead-letters?queue=mail`;
  const group = (code) => page.locator('tr', { has: page.locator('th code', { hasText: code }) });
  const replayed = (id, times) => until(`${id} was brought back`, async () => {
    const { replays, state } = await job(id);
    return replays === times && state === 'discarded';
  });
  await page.goto(list);
  await press(page, 'POST', '/api/v1/dead-letters/replay', { near: group('http_404'), label: 'Try one' });
  await replayed(odd, 1);
  await press(page, 'POST', '/api/v1/dead-letters/replay', { near: group('http_422'), label: 'Replay all', refuse: 'button' });
  await press(page, 'POST', '/api/v1/dead-letters/replay', { near: group('http_422'), label: 'Replay all' });
  for (const id of letters) await replayed(id, 1);
  await page.goto(list);
  await press(page, 'POST', `/api/v1/dead-letters/${odd}/replay`);
  await replayed(odd, 2);

  await page.click(`th a[href="/dashboard/dead-letters/${broken}"]`);
  await page.waitForURL(`**/${broken}`);
  const payload = `/api/v1/dead-letters/${broken}/payload`;
  await press(page, 'PUT', payload, { fields: { payload: '{ nonsense' }, says: 'This is not valid JSON, and nothing was changed.' });
  await press(page, 'PUT', payload, { fields: { payload: JSON.stringify({ url: `${upstream}/mended` }) } });
  await until('the arguments are changed', async () => (await job(broken)).payload.url.endsWith('/mended'));
  await page.click('.edits summary');
  await shows(page, '.edits pre', '/status/410');
  const park = `/api/v1/dead-letters/${broken}/park`;
  await press(page, 'POST', park, { fields: { reason: 'who knows <b>what</b>' } });
  await shows(page, '.heading .status', 'parked');
  await press(page, 'POST', `/api/v1/dead-letters/${broken}/unpark`);
  await until('it is not parked', async () => (await job(broken)).parked === undefined);
  await press(page, 'POST', park, { fields: { reason: 'once more' } });
  await until('it is parked', async () => (await job(broken)).parked === 'once more');
  await press(page, 'POST', `/api/v1/dead-letters/${broken}/replay`, { refuse: 'button' });
  await press(page, 'POST', `/api/v1/dead-letters/${broken}/replay`);
  await comes(broken, 'completed');
}

/// Many letters on their way back.
async function redrives(page) {
  await page.goto(`${control}/dashboard/dead-letters?queue=mail`);
  const newest = async () => (await api('GET', '/api/v1/dead-letters/redrives')).redrives.sort((a, b) => b.id - a.id)[0];
  const { id } = await newest();
  const fields = { 'rate.starts': '1', 'rate.per': '1h' };
  await press(page, 'POST', '/api/v1/dead-letters/redrives', { fields, refuse: 'button' });
  await press(page, 'POST', '/api/v1/dead-letters/redrives', { fields });
  const begun = await until('a redrive has begun', async () => (await newest()).id > id && (await newest()));
  const is = (state) => until(`the redrive is ${state}`, async () => (await newest()).state === state);
  const at = (word) => `/api/v1/dead-letters/redrives/${begun.id}/${word}`;
  await press(page, 'POST', at('pause'));
  await is('paused');
  await press(page, 'POST', at('resume'));
  await is('running');
  await press(page, 'POST', at('cancel'));
  await is('cancelled');
  await shows(page, 'tr .status', 'cancelled');
}

/// Alerts: looked after, given back, ended, silenced.
async function alerts(page, { alert: id }) {
  await page.goto(`${control}/dashboard/alerts`);
  const now = () => api('GET', `/api/v1/alerts/${id}`);
  await press(page, 'POST', `/api/v1/alerts/${id}/acknowledge`);
  await until('it is acknowledged', async () => (await now()).acknowledged?.by === 'ann');
  await shows(page, 'td', 'by ann');
  await press(page, 'POST', `/api/v1/alerts/${id}/unacknowledge`);
  await until('it is given back', async () => (await now()).acknowledged === undefined);
  await press(page, 'POST', `/api/v1/alerts/${id}/resolve`);
  await until('it is over', async () => (await now()).resolved_by === 'ann');
  await shows(page, 'section[aria-labelledby=over] tr', 'Unreachable');

  const fields = { matchers: 'alertname=DiskFull, instance="db-1"', duration: '4h', comment: 'a new disk comes' };
  await press(page, 'POST', '/api/v1/silences', { fields });
  const own = async (state) => (await api('GET', '/api/v1/silences')).silences.find((one) => one.comment === fields.comment && one.state === state);
  const silence = await until('it is silenced', () => own('active'));
  await until('nobody is told', async () => (await alert('DiskFull')).held === 'silenced');
  await press(page, 'DELETE', `/api/v1/silences/${silence.id}`, { refuse: 'button' });
  await press(page, 'DELETE', `/api/v1/silences/${silence.id}`);
  await until('the silence is over', async () => !(await own('active')));
  await until('it is told of', async () => (await alert('DiskFull')).held === undefined);
}

/// A supervised service.
async function services(page) {
  const path = (word) => `/api/v1/services/till/${word}`;
  await page.goto(`${control}/dashboard/services/till`);
  await press(page, 'PUT', path('replicas'), { fields: { replicas: '2' } });
  const two = await until('there are two', ready(2));
  await shows(page, 'section[aria-labelledby=replicas] p', '2 of 2 ready');
  await press(page, 'POST', path('restart'), { refuse: 'button' });
  await press(page, 'POST', path('restart'));
  const pids = ({ instances }) => instances.map(({ pid }) => pid);
  await until('both are others', async () => {
    const now = await ready(2)();
    return now && pids(now).every((pid) => !pids(two).includes(pid));
  });
  await press(page, 'POST', path('stop'), { refuse: 'button' });
  await press(page, 'POST', path('stop'));
  await until('it is stopped', async () => (await till()).stopped && (await till()).ready === 0);
  await shows(page, '.heading .status', 'Stopped');
  await press(page, 'POST', path('start'));
  await until('it is back', ready(2));
  if ((await fetch(`${gateway}/till/a`)).status !== 200) throw new Error('it does not answer');
}

/// People: their sessions and keys.
async function people(page, { bob, key, secret }) {
  const entered = await call('POST', '/api/v1/login', { name: 'bob', password: PASSWORD }, {});
  const cookie = entered.cookies.find((cookie) => cookie.startsWith('seaworthy_session=')).split(';')[0];
  const asBob = async () => (await call('GET', '/api/v1/account', undefined, { cookie })).status;
  const asKey = async () => (await call('GET', '/api/v1/services', undefined, { authorization: `Bearer ${secret}` })).status;
  if ((await asBob()) !== 200 || (await asKey()) !== 200) throw new Error('neither bob nor his key get in');
  await page.goto(`${control}/dashboard/people`);
  await press(page, 'DELETE', `/api/v1/users/${bob}/sessions`, { refuse: 'button' });
  await press(page, 'DELETE', `/api/v1/users/${bob}/sessions`);
  await until('bob is out', async () => (await asBob()) === 401);
  await press(page, 'DELETE', `/api/v1/keys/${key}`, { refuse: 'button' });
  await press(page, 'DELETE', `/api/v1/keys/${key}`);
  await until('the key is worth nothing', async () => (await asKey()) === 401);
}

/// One's own account, and the way out.
async function account(page) {
  const other = await visitor();
  await other.page.goto(`${control}/dashboard/login?return_to=/dashboard/account`);
  await logIn(other.page, 'ann', PASSWORD, '/dashboard/account');
  await page.goto(`${control}/dashboard/account`);
  const end = page.locator('button.order[data-path^="/api/v1/account/sessions/"]');
  await press(page, 'DELETE', await end.getAttribute('data-path'));
  // its page notices by itself
  await other.page.waitForURL('**/dashboard/login?return_to=%2Fdashboard%2Faccount');
  await other.context.close();
  await page.click('#pause');
  await shows(page, '#live', 'Paused');
  await note(page);
  await page.click('#pause');
  await shows(page, '#live', 'Live');
  ['Pause', 'Go on'].forEach((name) => pressed.add(name));
  await page.click('text=Log out');
  pressed.add('Log out');
  await page.waitForURL(`${control}/dashboard/login`);
  await page.goto(`${control}/dashboard/account`);
  await page.waitForURL('**/dashboard/login?return_to=**');
}

/// The ways in: what is shown to nobody, and forms that lead somewhere.
async function doors() {
  const { page, context } = await visitor();
  const led = {};
  for (const path of ['/', '/dashboard', '/dashboard/jobs?queue=mail', '/dashboard/people', '/dashboard/nowhere']) {
    await page.goto(control + path);
    led[path] = page.url().slice(control.length);
  }
  const told = {};
  const say = async (what) => void (told[what] = await page.textContent('#refusal'));
  const { password } = await api('POST', '/api/v1/users', { name: 'ann', roles: ['viewer'] });
  await page.goto(`${control}/dashboard/login?return_to=%2Fdashboard%2Fjobs%3Fqueue%3Dmail`);
  await expecting([401], async () => {
    await logIn(page, 'ann', 'wrong', null);
    await say('password');
    await page.click('summary');
    await page.fill('#token', 'wrong');
    await note(page);
    await page.click('text=Log in as operator');
    await say('token');
    await page.goto(`${control}/dashboard/login?return_to=https://elsewhere.example`);
  });
  // whoever was given a password has to choose one, and may do nothing else
  await logIn(page, 'ann', password, '/dashboard/account');
  await page.goto(`${control}/dashboard/jobs`);
  await page.waitForURL(`${control}/dashboard/account`);
  const change = { fields: { current: password, new: PASSWORD }, lands: '/dashboard' };
  await press(page, 'PUT', '/api/v1/account/password', change);

  // a second factor
  const cookie = (await context.cookies(control)).map(({ name, value }) => `${name}=${value}`).join('; ');
  const headers = { cookie, 'x-csrf-token': await page.getAttribute('meta[name=csrf]', 'content') };
  const { secret } = await call('POST', '/api/v1/account/second-factor', { password: PASSWORD }, headers);
  const { codes } = await call('PUT', '/api/v1/account/second-factor', { code: totp(secret) }, headers);
  await page.click('text=Log out');
  await logIn(page, 'ann', PASSWORD, '/dashboard/login');
  await page.fill('#code', '000000');
  await note(page);
  await expecting([401], async () => {
    await page.click('form button');
    await say('code');
  });
  await page.fill('#code', codes[0]);
  await page.click('form button');
  await page.waitForURL(`${control}/dashboard`);
  await page.click('text=Log out');
  await page.waitForURL(`${control}/dashboard/login`);

  // the operator, who needs no name
  await page.click('summary');
  await page.fill('#token', process.env.TOKEN);
  await page.click('text=Log in as operator');
  await page.waitForURL(`${control}/dashboard`);
  const operator = await page.textContent('.who');
  await add('/work');
  await page.goto(`${control}/dashboard/jobs`);
  for (const word of ['pause', 'resume']) await press(page, 'POST', `/api/v1/queues/mail/${word}`);
  await context.close();
  return { led, told, operator, plain: await plain() };
}

/// Six digits of RFC 6238.
function totp(secret) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replaceAll(/[\s=]/g, '')].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac('sha1', key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/// In and out without scripts.
async function plain() {
  const { page, context } = await visitor({ javaScriptEnabled: false });
  await page.goto(`${control}/dashboard/jobs`);
  await page.click('summary');
  await page.fill('#token', process.env.TOKEN);
  await page.click('text=Log in as operator');
  await page.waitForURL(`${control}/dashboard/jobs`);
  const seen = [await page.textContent('h1'), await page.isVisible('.noscript'), await page.isVisible('button.order')];
  await page.click('text=Log out');
  await page.waitForURL(`${control}/dashboard/login`);
  await context.close();
  return seen;
}

/// Pages that go on by themselves.
async function live() {
  const ids = await seed();
  const [a, b] = [await visitor(), await visitor()];
  await enter(a.page, 'ann', 'operator');
  await b.page.goto(`${control}/dashboard/jobs`);
  await logIn(b.page, 'ann', PASSWORD, '/dashboard/jobs');
  await a.page.goto(`${control}/dashboard/jobs`);
  await a.page.evaluate(() => void (window.mark = 'the same document'));
  const depth = ({ page }) => page.locator('tr', { has: page.locator('th a', { hasText: /^quiet$/ }) }).locator('td').nth(1).textContent();
  const deep = (tab, text) => until(`the page says ${text}`, async () => (await depth(tab)) === text);
  await deep(a, '1');
  // what is focused and what is marked stays
  await a.page.focus('a[href="/dashboard/dead-letters?queue=mail"]');
  await add('/work', { queue: 'quiet' });
  await deep(a, '2');
  const focused = await a.page.evaluate(() => document.activeElement.getAttribute('href'));

  // a page that is held says so, and goes on afterwards
  await a.page.click('#pause');
  await add('/work', { queue: 'quiet' });
  await deep(b, '3');
  const held = [await depth(a), (await a.page.textContent('#live')).trim()];
  await a.page.click('#pause');
  await deep(a, '3');
  const mark = await a.page.evaluate(() => window.mark);

  // what somebody writes is not taken away, and what they take back themselves does not hold the page
  for (const { page } of [a, b]) await page.goto(`${control}/dashboard/alerts`);
  await a.page.fill('#silence-comment', 'half a sen');
  await a.page.evaluate(() => document.activeElement.blur());
  await api('POST', '/api/v2/alerts', [external('Fan')]);
  await shows(b.page, 'th', 'Fan of db-1');
  const written = await a.page.inputValue('#silence-comment');
  await a.page.fill('#silence-comment', '');
  await a.page.evaluate(() => document.activeElement.blur());
  await shows(a.page, 'th', 'Fan of db-1');

  // an order by somebody else, from another place
  await api('POST', `/api/v1/alerts/${ids.alert}/acknowledge`, { comment: 'mine' });
  for (const { page } of [a, b]) await shows(page, 'td', 'by operator');
  for (const { context } of [a, b]) await context.close();
  return { focused, held, mark, written };
}

/// Every page that links lead to, looked at closely.
async function every_page() {
  await seed();
  for (let n = 0; n < 60; n++) await add('/status/400', { queue: 'archive' });
  const { page, context } = await visitor();
  await enter(page, 'ann', 'admin');
  const { cookies } = await context.storageState();
  const bare = await visitor({ javaScriptEnabled: false, storageState: { cookies, origins: [] } });
  const kind = (path) => {
    const url = new URL(path, control);
    const place = url.pathname.replace(/(jobs|dead-letters|requests)\/[^/]+$/, '$1/*');
    return [place, ...[...url.searchParams.keys()].sort()].join(' ');
  };
  const [todo, known, faults] = [['/dashboard', '/dashboard/account'], new Map(), {}];
  while (todo.length) {
    const path = todo.shift();
    if (known.has(kind(path))) continue;
    known.set(kind(path), path);
    const answer = await page.goto(control + path);
    await shows(page, '#live', 'Live');
    // what is looked at must not change meanwhile
    await page.click('#pause');
    const found = answer.status() === 200 ? [] : [`answered with ${answer.status()}`];
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      found.push(...(await page.evaluate(pale)).map((what) => `${colorScheme}: ${what}`));
    }
    for (const width of [320, 390, 768, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      found.push(...(await page.evaluate(broad)).map((what) => `${width} wide: ${what}`));
    }
    found.push(...(await tabbed(page)), ...(await unscripted(page, bare.page, path)));
    if (found.length) faults[path] = found;
    const links = await page.$$eval('a[href^="/dashboard"]', (all) => all.map((a) => a.getAttribute('href')));
    todo.push(...links);
  }
  await page.goto(`${control}/dashboard/login`);
  for (const one of [context, bare.context]) await one.close();
  return { pages: [...known.keys()].sort(), faults };
}

// Runs inside of pages: text that is too pale for its ground (WCAG 2.2, 1.4.3), and fields whose edge is (1.4.11).
const pale = () => {
  const channels = (colour) => {
    const [, kind, inner] = /^(\w+)\((.*)\)$/.exec(colour) ?? [];
    const parts = inner.split(/[\s,/]+/).filter((part) => !/^[a-z]/.test(part)).map(Number);
    return kind === 'color' ? [...parts.slice(0, 3).map((part) => part * 255), parts[3] ?? 1] : [...parts.slice(0, 3), parts[3] ?? 1];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((part, at) => part * a + under[at] * (1 - a));
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const layer = channels(getComputedStyle(at).backgroundColor);
      if (layer[3] > 0) layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reduceRight((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => ((part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (colour, element, opacity = 1) => {
    const [under, [r, g, b, a]] = [ground(element), channels(colour)];
    const [one, two] = [light(over([r, g, b, a * opacity], under)), light(under)];
    return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
  };
  const found = new Set();
  const judge = (element, colour, least, what, opacity) => {
    const ratio = contrast(colour, element, opacity);
    if (!(ratio >= least)) found.add(`${what} has a contrast of ${ratio.toFixed(2)}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const [text, element] = [texts.currentNode.nodeValue.trim(), texts.currentNode.parentElement];
    if (!text || element.closest('.vh, :disabled, script, title, desc') || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    let opacity = 1;
    for (let at = element; at; at = at.parentElement) opacity *= getComputedStyle(at).opacity;
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    const colour = element.closest('svg') ? style.fill : style.color;
    judge(element, colour, isLarge ? 3 : 4.5, `"${text.slice(0, 40)}"`, opacity);
  }
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea')) {
    if (!field.checkVisibility()) continue;
    judge(field.parentElement, getComputedStyle(field).borderTopColor, 3, `the edge of ${field.id}`);
    if (field.placeholder) judge(field, getComputedStyle(field, '::placeholder').color, 4.5, `the hint of ${field.id}`);
  }
  for (const mark of document.querySelectorAll('.mark, .lamp')) {
    const style = getComputedStyle(mark);
    judge(mark.parentElement, mark.matches('.lamp') ? style.borderTopColor : style.fill, 3, 'a mark');
  }
  return [...found];
};

// Runs inside of pages: what is wider than its place.
const broad = () => {
  const found = [];
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth} wide`);
  for (const element of document.querySelectorAll('h1, h2, button, .tile > *, .status, .choices, .ways a, .facts dd, label, select, .card-head > *')) {
    if (!element.checkVisibility()) continue;
    if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== 'inline') {
      found.push(`${element.nodeName} "${element.textContent.trim().slice(0, 40)}" is cut`);
    }
    const { left, right } = element.getBoundingClientRect();
    if (!element.closest('.scroll') && (left < -1 || right > clientWidth + 1)) found.push(`${element.nodeName} "${element.textContent.trim().slice(0, 40)}" leaves the page`);
  }
  return found;
};

/// What the keyboard does not reach, or reaches unseen, and what has no name.
async function tabbed(page) {
  await page.evaluate(() => {
    window.reached = new Set();
    document.activeElement.blur();
    getSelection().collapse(document.body, 0);
  });
  const found = [];
  for (let more = true; more; ) {
    await page.keyboard.press('Tab');
    const seen = await page.evaluate(step);
    if (seen.fault) found.push(seen.fault);
    more = seen.more;
  }
  return [...found, ...(await page.evaluate(missed))];
}

// Runs inside of pages.
const step = () => {
  const at = document.activeElement;
  if (at === document.body || window.reached.has(at)) return { more: false };
  window.reached.add(at);
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  const isSeen = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && at.getBoundingClientRect().width > 1;
  return { more: true, fault: isSeen ? undefined : `the focus is not seen on ${at.outerHTML.slice(0, 80)}` };
};
const missed = () => {
  const all = 'a[href], button:not(:disabled), input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const seen = [...document.querySelectorAll(all)].filter((element) => element.checkVisibility({ visibilityProperty: true }));
  const text = (element) => element.textContent || element.getAttribute('aria-label') || element.labels?.[0]?.textContent;
  return [
    ...seen.filter((element) => !window.reached.has(element)).map((element) => `no Tab reaches ${element.outerHTML.slice(0, 80)}`),
    ...seen.filter((element) => !text(element)?.trim()).map((element) => `no name: ${element.outerHTML.slice(0, 80)}`),
  ];
};

/// What cannot be read without scripts, or would do nothing there.
async function unscripted(page, bare, path) {
  await bare.goto(control + path);
  const look = () => ({
    title: document.querySelector('h1').textContent,
    parts: [...document.querySelectorAll('h2')].map((part) => part.textContent).join(', '),
    charts: document.querySelectorAll('svg.drawing').length,
    ways: [...document.querySelectorAll('.ways a')].map((a) => a.textContent).join(', '),
  });
  const [one, other] = [await page.evaluate(look), await bare.evaluate(look)];
  const found = Object.keys(one).filter((what) => one[what] !== other[what]).map((what) => `without scripts: ${what}: ${other[what]} for ${one[what]}`);
  const useless = await bare.$$eval('button', (all) => all.filter((one) => one.checkVisibility()).map((one) => one.textContent.trim()).filter((text) => text !== 'Log out'));
  if (useless.length) found.push(`without scripts: nothing comes of ${useless}`);
  if (!(await bare.isVisible('.noscript'))) found.push('without scripts: nothing is said of it');
  return found;
}

try {
  for (const path of ['/api/v1/users', '/api/v1/jobs']) await until('the store is open', async () => (await call('GET', path)).status === 200);
  const play = { presses, doors, live, every_page }[scenario];
  const result = await play();
  const all = { ...result, shown: [...shown].sort(), pressed: [...pressed].sort(), wrong };
  console.log(JSON.stringify(all));
} finally {
  await browser.close();
}
