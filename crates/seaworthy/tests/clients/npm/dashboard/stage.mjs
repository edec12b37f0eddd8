// What there is behind the dashboard: everything in every state that has something to press.
import { api, control, gateway, until, upstream, PASSWORD } from './browser.mjs';

const jobFails = { max_attempts: 1, backoff: 'fixed', delay: '1s' };
export const add = async (path, more = {}) => {
  const job = { kind: 'http', queue: 'mail', payload: { url: upstream + path, json: { to: 'ann' } }, retry: jobFails, ...more };
  return (await api('POST', '/api/v1/jobs', job)).id;
};
export const job = (id) => api('GET', `/api/v1/jobs/${id}`);
export const comes = (id, state) => until(`job ${id} is ${state}`, async () => (await job(id)).state === state);
export const till = () => api('GET', '/api/v1/services/till/replicas');
export const alert = async (name) => (await api('GET', '/api/v1/alerts?limit=1000')).alerts.find((alert) => alert.name === name && alert.state === 'firing');
export const ready = (replicas) => async () => {
  const now = await till();
  return now.ready === replicas && now.instances.length === replicas && now.rollout.state === 'Complete' && now;
};
/// An alert of a sender that says when it is over: long after the test.
export const external = (name) => ({
  labels: { alertname: name, severity: 'info', instance: 'db-1' },
  annotations: { summary: `${name} of db-1` },
  endsAt: new Date(Date.now() + 36e5).toISOString(),
});

/// Everything in every state that has something to press.
export async function seed() {
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
export const pages = (ids) => [
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
export const orders = (ids) => [
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
export async function state(ids) {
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
export const order = async ([method, path, body, token]) => {
  const csrf = token ?? document.querySelector('meta[name=csrf]').content;
  const headers = { accept: 'application/json', 'x-csrf-token': csrf, 'content-type': 'application/json' };
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  return [answer.status, (await answer.json()).reason];
};
export const form = (path) => {
  const form = Object.assign(document.createElement('form'), { method: 'post', action: path });
  document.body.append(form);
  form.submit();
};
