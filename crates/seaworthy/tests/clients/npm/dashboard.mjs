// A real browser at the dashboard: Chromium, driven by `playwright-core` from npm.
//
//     TOKEN=… node dashboard.mjs FOLDER-WITH-NODE_MODULES SCENARIO CONTROL-URL GATEWAY-URL UPSTREAM-URL [ROLE]
//
// Plays one scenario and prints what it saw as a line of JSON; what that has to be is the test's to say. Nothing waits for
// a time to pass, only for what has to come about: what does not is an error that says what was waited for.
import { createHmac } from 'node:crypto';
import {
  api, browser, call, control, enter, expecting, gateway, logIn, note, NOTHING, PASSWORD, press, pressed, segment, shown, shows,
  template, until, upstream, visitor, wrong,
} from './dashboard/browser.mjs';
import { broad, pale, tabbed, unscripted } from './dashboard/look.mjs';
import { add, alert, comes, external, form, job, order, orders, pages, ready, seed, state, till } from './dashboard/stage.mjs';

const [, scenario, , , , role] = process.argv.slice(2);

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
  await shows(page, '.heading .status', 'parked');
  await press(page, 'POST', `/api/v1/dead-letters/${broken}/replay`, { refuse: 'button' });
  await press(page, 'POST', `/api/v1/dead-letters/${broken}/replay`);
  await comes(broken, 'completed');
  // it is a job like any other again, and its page says what became of it
  await shows(page, '.heading .status', 'completed');
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
  const path = (word) => `/api/v1/alerts/${segment(id)}/${word}`;
  await press(page, 'POST', path('acknowledge'));
  await until('it is acknowledged', async () => (await now()).acknowledged?.by === 'ann');
  await shows(page, 'td', 'by ann');
  await press(page, 'POST', path('unacknowledge'));
  await until('it is given back', async () => (await now()).acknowledged === undefined);
  await press(page, 'POST', path('resolve'));
  await until('it is over', async () => (await now()).resolved_by === 'ann');
  await shows(page, 'section[aria-labelledby=over] tr', 'Unreachable');

  const fields = { matchers: 'alertname=DiskFull, instance="db-1"', duration: '4h', comment: 'a new disk comes' };
  await press(page, 'POST', '/api/v1/silences', { fields });
  const own = async (state) => (await api('GET', '/api/v1/silences')).silences.find((one) => one.comment === fields.comment && one.state === state);
  const silence = await until('it is silenced', () => own('active'));
  await until('nobody is told', async () => (await alert('DiskFull')).held === 'silenced');
  await press(page, 'DELETE', `/api/v1/silences/${segment(silence.id)}`, { refuse: 'button' });
  await press(page, 'DELETE', `/api/v1/silences/${segment(silence.id)}`);
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
  await press(page, 'DELETE', `/api/v1/users/${segment(bob)}/sessions`, { refuse: 'button' });
  await press(page, 'DELETE', `/api/v1/users/${segment(bob)}/sessions`);
  await until('bob is out', async () => (await asBob()) === 401);
  await press(page, 'DELETE', `/api/v1/keys/${segment(key)}`, { refuse: 'button' });
  await press(page, 'DELETE', `/api/v1/keys/${segment(key)}`);
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
  await add('/work', { delay: '1h' });
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

  // a page that hears nothing says so, and tries again by itself
  await expecting([NOTHING], async () => {
    await a.page.route('**/dashboard/live?**', (route) => route.abort());
    await a.page.reload();
    await shows(a.page, '#live', 'Disconnected');
    await a.page.unroute('**/dashboard/live?**');
    await shows(a.page, '#live', 'Live');
  });

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
  const isCharts = (path) => path.startsWith('/dashboard/services/');
  while (todo.length) {
    // charts come last: what they show has to be measured first
    const [path] = todo.splice(Math.max(todo.findIndex((path) => !isCharts(path)), 0), 1);
    if (known.has(kind(path))) continue;
    known.set(kind(path), path);
    const open = () => page.goto(control + path);
    const answer = await until(`${path} is whole`, async () => {
      const answer = await open();
      return (!isCharts(path) || (await page.locator('svg.drawing').count()) >= 3) && answer;
    });
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
    found.push(...(await tabbed(page)), ...(await unscripted(page, bare.page, path, open)));
    if (found.length) faults[path] = found;
    const links = await page.$$eval('a[href^="/dashboard"]', (all) => all.map((a) => a.getAttribute('href')));
    todo.push(...links);
  }
  await page.goto(`${control}/dashboard/login`);
  for (const one of [context, bare.context]) await one.close();
  return { pages: [...known.keys()].sort(), faults };
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
