// A real browser for the tests: Chromium, driven by `playwright-core` from npm.
//
//     node browser.mjs FOLDER-WITH-NODE_MODULES SCENARIO GATEWAY-URL PROVIDER-URL EVIL-PORT
//
// Plays one scenario and prints what it saw as a line of JSON; what that has to be is the test's to say. Nothing waits for
// a time to pass, only for what has to come about.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [folder, scenario, gateway, provider, evilPort] = process.argv.slice(2);
const { chromium } = createRequire(join(folder, 'node_modules', 'x'))('playwright-core');
const LONGEST = 100_000;
// whatever hangs, the log on stderr says where
setTimeout(() => process.exit(1), 1.5 * LONGEST).unref();
const login = `${gateway}/.seaworthy/login/staff`;
// another site, and another origin of the same site: browsers send `SameSite` cookies to the second
const evil = { far: `http://evil.test:${evilPort}`, near: `http://127.0.0.1:${evilPort}` };

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  timeout: LONGEST,
  args: [
    '--no-sandbox',
    '--disable-background-networking',
    '--disable-dev-shm-usage',
    '--disable-gpu',
    '--no-proxy-server',
    '--host-resolver-rules=MAP evil.test 127.0.0.1',
  ],
});

/// A browser of one person: cookies of its own.
async function person(cookies = []) {
  const context = await browser.newContext();
  context.setDefaultTimeout(LONGEST);
  if (cookies.length) await context.addCookies(cookies);
  return { context, page: await context.newPage() };
}

async function logIn(page, who) {
  await page.waitForSelector('input[name=login]');
  await page.fill('input[name=login]', who);
  await page.press('input[name=login]', 'Enter');
}

/// Opens a page of the gateway and logs in on the way.
async function enter(page, who, url = `${gateway}/page`, lands = `${gateway}/page`) {
  await page.goto(url);
  await logIn(page, who);
  await page.waitForURL(lands);
  return page.textContent('#who');
}

const sessions = async (context) =>
  (await context.cookies(gateway)).filter(({ name }) => name.startsWith('seaworthy'));
const planted = (value) => [{ name: 'seaworthy_staff', value, url: gateway }];

/// Log-in, what scripts see of it, log-out, and what is left.
async function session() {
  const { context, page } = await person();
  await page.goto(`${gateway}/page?a=b`);
  const askedBy = new URL(page.url()).origin;
  await logIn(page, 'ann');
  await page.waitForURL(`${gateway}/page?a=b`);
  const who = await page.textContent('#who');
  const cookies = await sessions(context);
  const readable = await page.evaluate(() => document.cookie);
  const told = await page.evaluate(async (url) => (await (await fetch(url)).json()).subject, `${login}/session`);

  await page.goto(`${login}/logout`);
  await page.click('button');
  await page.waitForURL(`${provider}/session/end?**`);
  await page.click('button[value=yes]');
  await page.waitForURL((url) => url.pathname === '/bye');
  const left = await sessions(context);
  await page.goto(`${gateway}/page`);
  await page.waitForSelector('input[name=login]');
  const askedAgainBy = new URL(page.url()).origin;

  const thief = await person(planted(cookies[0].value));
  await thief.page.goto(`${gateway}/page`);
  const thiefIsAt = new URL(thief.page.url()).origin;
  return { askedBy, who, cookies, readable, told, left, askedAgainBy, thiefIsAt };
}

// Run inside of pages.
const bait = (html) => void (document.body.innerHTML = html);
const call = async ([url, options]) => {
  try {
    return (await fetch(url, { credentials: 'include', ...options })).type;
  } catch {
    return 'failed';
  }
};
const look = (url) =>
  new Promise((resolve) => {
    const image = new Image();
    image.onload = () => resolve('loaded');
    image.onerror = () => resolve('failed');
    image.src = url;
  });
const connect = (url) =>
  new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => resolve('open');
    socket.onclose = () => resolve('failed');
  });

/// Pages of others against somebody who is logged in.
async function attacks() {
  const { context, page } = await person();
  const who = await enter(page, 'ann');
  const sockets = gateway.replace('http', 'ws');
  await page.fill('input[name=item]', 'own');
  await page.press('input[name=item]', 'Enter');
  await page.waitForURL(`${gateway}/orders`);
  const own = { who, form: await page.textContent('#who') };
  own.fetch = await page.evaluate(call, [`${gateway}/orders/own`, { method: 'PUT', body: 'own' }]);
  own.image = await page.evaluate(look, `${gateway}/orders/own.svg`);
  own.socket = await page.evaluate(connect, `${sockets}/orders/own-socket`);

  const seen = {};
  for (const [place, origin] of Object.entries(evil)) {
    const forged = (what) => `${gateway}/orders/forged-${place}-${what}`;
    const tab = await context.newPage();
    await tab.goto(`${origin}/trap`);
    const post = { method: 'POST', mode: 'no-cors', body: 'item=forged' };
    seen[place] = {
      post: await tab.evaluate(call, [forged('post'), post]),
      change: await tab.evaluate(call, [forged('change'), { method: 'DELETE' }]),
      read: await tab.evaluate(call, [`${gateway}/page`, {}]),
      socket: await tab.evaluate(connect, forged('socket').replace('http', 'ws')),
    };
    // not from the own site: a service that changes by GET is open to that
    if (place === 'far') seen.far.image = await tab.evaluate(look, forged('image'));
    // last: it leads away
    await tab.evaluate(bait, `<form method=post action="${forged('form')}"><input name=item value=forged><button>`);
    const answered = tab.waitForResponse((response) => response.url() === forged('form'));
    const [answer] = await Promise.all([answered, tab.click('button')]);
    seen[place].form = answer.status();
    await tab.close();
  }
  // a link is no attack
  const tab = await context.newPage();
  await tab.goto(`${evil.far}/trap`);
  await tab.evaluate(bait, `<a href="${gateway}/page?linked">free</a>`);
  await tab.click('a');
  await tab.waitForURL(`${gateway}/page?linked`);
  return { own, seen, link: await tab.textContent('#who') };
}

/// Log-ins of people whose browser holds what somebody else put there.
async function fixation() {
  const bob = await person();
  await enter(bob.page, 'bob');
  const [{ value: bobs }] = await sessions(bob.context);
  const seen = [];
  for (const value of ['invented', bobs]) {
    const victim = await person(planted(value));
    const who = await enter(victim.page, 'ann', `${login}/start?return_to=/page`);
    const used = await sessions(victim.context);
    const attacker = await person(planted(value));
    await attacker.page.goto(`${gateway}/page`);
    const place = new URL(attacker.page.url()).origin;
    const attackerIs = place === gateway ? await attacker.page.textContent('#who') : 'asked';
    seen.push({ who, used: used.map(({ value }) => value), planted: value, attackerIs });
  }
  return seen;
}

/// Where log-ins lead that somebody else wrote the link of.
async function redirects() {
  const { page } = await person();
  await enter(page, 'ann');
  const host = `evil.test:${evilPort}`;
  const ends = {};
  for (const wanted of [
    '/page?a=b',
    `//${host}/x`,
    `///${host}/x`,
    `/\\${host}/x`,
    `\\\\${host}/x`,
    `/\t/${host}/x`,
    `/\n/${host}/x`,
    `\t//${host}/x`,
    ` //${host}/x`,
    `/./\\${host}/x`,
    `/.//${host}/x`,
    `/page/..//${host}/x`,
    `/%2e%2e//${host}/x`,
    `http:${host}/x`,
    `http:/${host}/x`,
    `http://${host}/x`,
    `HTTP://${host}/x`,
    `//${gateway.slice(7)}@${host}/x`,
    `@${host}/x`,
    `.${host}/x`,
    `javascript:location='http://${host}/x'`,
    `data:text/html,<script>location='http://${host}/x'</script>`,
    `/x\r\nLocation: http://${host}/x`,
    `/x\u0000//${host}/x`,
    `/\u2215${host}/x`,
  ]) {
    await page.goto(`${login}/start?return_to=${encodeURIComponent(wanted)}`);
    ends[wanted] = page.url();
    // as it stands, as far as a URL can hold it
    await page.goto(`${login}/start?return_to=${wanted.replace(/[\s&#\u0000]/g, encodeURIComponent)}`);
    ends[`${wanted} as it stands`] = page.url();
  }
  return ends;
}

try {
  const result = await { session, attacks, fixation, redirects }[scenario]();
  console.log(JSON.stringify(result));
} finally {
  await browser.close();
}
