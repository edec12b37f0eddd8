// Chromium, watched: tabs of it, what is pressed in them, and the API beside them.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const [folder, , ...places] = process.argv.slice(2);
/// The control listener, the gateway, and the service behind it.
export const [control, gateway, upstream] = places;
const { chromium } = createRequire(join(folder, 'node_modules', 'x'))('playwright-core');
const LONGEST = 120_000;
// whatever hangs, the log on stderr says where
setTimeout(() => process.exit(1), 8 * LONGEST).unref();
export const PASSWORD = 'a password that nobody guesses';

export const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  timeout: LONGEST,
  args: ['--no-sandbox', '--disable-background-networking', '--disable-dev-shm-usage', '--disable-gpu', '--no-proxy-server'],
});

/// Looks again and again until `look` sees something.
export async function until(what, look) {
  for (const end = Date.now() + LONGEST; Date.now() < end; await pause(30)) {
    const seen = await look();
    if (seen) return seen;
  }
  throw new Error(`never came about: ${what}`);
}

/// Calls the API: as the operator, or with headers of one's own. The answer's status stands beside its members.
export async function call(method, path, body, headers = { authorization: `Bearer ${process.env.TOKEN}` }) {
  const answer = await fetch(control + path, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, cookies: answer.headers.getSetCookie(), ...(text.startsWith('{') ? JSON.parse(text) : {}) };
}

/// The same where it has to succeed.
export async function api(method, path, body) {
  const answer = await call(method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}

// ---- browsers -------------------------------------------------------------------------------------------------------

/// What no page may do, of whatever tab.
export const wrong = [];
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
export async function visitor(options = {}) {
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
    const isStatus = message.text().startsWith(`Failed to load resource${expected.includes(NOTHING) ? '' : ': the server responded'}`);
    if (['error', 'warning'].includes(message.type()) && !isStatus) wrong.push(`console: ${message.text()}`);
  });
  context.on('weberror', (error) => wrong.push(`script: ${error.error()}`));
  return { context, page: await context.newPage() };
}

/// In place of a status: no answer.
export const NOTHING = 0;

/// What is asked for in the meantime may be answered with these.
export async function expecting(statuses, work) {
  expected = statuses;
  try {
    return await work();
  } finally {
    expected = [];
  }
}

export async function logIn(page, name, password, lands = '/dashboard') {
  await page.fill('#name', name);
  await page.fill('#password', password);
  await note(page);
  await page.locator('form.log-in', { has: page.locator('#name') }).locator('button').click();
  pressed.add('Log in');
  if (lands) await page.waitForURL(control + lands);
}

/// Somebody new of this role, logged in with a password of their own.
export async function enter(page, name, of) {
  const made = await api('POST', '/api/v1/users', { name, roles: [of], display_name: `Somebody of ${of}` });
  await page.goto(`${control}/dashboard`);
  await logIn(page, name, made.password, '/dashboard/account');
  await press(page, 'PUT', '/api/v1/account/password', { fields: { current: made.password, new: PASSWORD }, lands: '/dashboard' });
  return made.user.id;
}

// ---- what can be pressed ----------------------------------------------------------------------------------------------

/// By name: what stands on it, and the call it is.
export const [shown, pressed] = [new Set(), new Set()];

/// A name as pages write it into paths.
export const segment = (name) => encodeURIComponent(name).replaceAll(/[-_.]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/// Paths with a star for every name of a thing.
export function template(path) {
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
export async function note(page) {
  for (const [label, method, path] of await page.evaluate(buttons)) {
    shown.add(method ? `${label} ${method} ${template(path)}` : label);
  }
}

/// Presses what stands for this call, or fills and submits its form, and waits until the page says that it is done.
export async function press(page, method, path, { label, near = page, fields = {}, says, refuse, lands } = {}) {
  const call = `[data-method="${method}"][data-path="${path}"]`;
  let it = near.locator(`button.order${call}, form.order${call}`);
  if (label) it = it.filter({ hasText: label });
  // what was done just before may not be shown yet: what asks is waited for
  if (refuse) it = it.and(page.locator('[data-confirm]'));
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
export const shows = (page, selector, text) => page.locator(selector, { hasText: text }).first().waitFor();
