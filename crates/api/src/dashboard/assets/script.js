// Keeps a page current, and carries out what is pressed. Pages can be read without it.
'use strict';
(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const root = document.documentElement;
  root.classList.add('js');
  const csrf = $('meta[name=csrf]')?.content;
  const [main, said, ask] = [$('#main'), $('#said'), $('#ask')];
  const [live, pause] = [$('#live'), $('#pause')];

  /// Says something, also to whoever hears the page.
  let silence;
  const say = (text, isBad = false) => {
    said.classList.toggle('bad', isBad);
    said.textContent = text;
    clearTimeout(silence);
    silence = setTimeout(() => { said.textContent = ''; }, isBad ? 15_000 : 6_000);
  };

  /// Asks before something is done; resolves to whether it is to be done. The focus goes back where it was by itself.
  const confirmed = (what, word, isDanger) => {
    $('#ask-what').textContent = what;
    const yes = $('#ask-yes');
    yes.textContent = word;
    yes.classList.toggle('danger', isDanger);
    return new Promise((resolve) => {
      const end = (answer) => () => { ask.returnValue = answer; ask.close(); };
      yes.onclick = end('yes');
      $('#ask-no').onclick = end('');
      ask.onclose = () => resolve(ask.returnValue === 'yes');
      ask.returnValue = '';
      ask.showModal();
      $('#ask-no').focus();
    });
  };

  /// A form's fields as an object: names with dots are objects in objects.
  const fields = (form) => {
    const body = {};
    for (const field of form.elements) {
      if (!field.name) continue;
      let value = field.value;
      if (field.dataset.type === 'number') value = Number(value);
      if (field.dataset.type === 'json') value = JSON.parse(value);
      if (field.dataset.type === 'list') value = value.split(',').map((part) => part.trim()).filter(Boolean);
      const path = field.name.split('.');
      const last = path.pop();
      const into = path.reduce((object, part) => (object[part] ??= {}), body);
      into[last] = value;
    }
    return JSON.stringify(body);
  };

  const send = async (method, path, body) => {
    const headers = { accept: 'application/json' };
    if (csrf) headers['x-csrf-token'] = csrf;
    if (body) headers['content-type'] = 'application/json';
    const answer = await fetch(path, { method, headers, body, credentials: 'same-origin' });
    if (answer.ok) return;
    if (answer.status === 401) { location.reload(); throw new Error('Your session is over.'); }
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail ?? `It was answered with ${answer.status}.`);
  };

  /// Carries out what a button or a form stands for.
  const carryOut = async (it, button) => {
    const { method, path, confirm, done, then } = it.dataset;
    let body = it.dataset.body;
    try {
      if (it instanceof HTMLFormElement) body = fields(it);
    } catch {
      say('This is not valid JSON, and nothing was changed.', true);
      return;
    }
    const word = button.firstChild.textContent.trim();
    if (confirm && !(await confirmed(confirm, word, button.classList.contains('danger')))) return;
    button.disabled = true;
    try {
      await send(method, path, body);
      for (const field of it.elements ?? []) delete field.dataset.dirty;
      if (it instanceof HTMLFormElement) for (const field of it.querySelectorAll('input[type=password], input:not([type])')) field.value = '';
      say(done);
      if (then) location.assign(then); else await refresh();
    } catch (error) {
      say(error.message, true);
    } finally {
      button.disabled = false;
    }
  };

  document.addEventListener('click', (event) => {
    const button = event.target.closest('button.order');
    if (button) carryOut(button, button);
  });
  document.addEventListener('submit', (event) => {
    if (!event.target.matches('form.order')) return;
    event.preventDefault();
    carryOut(event.target, event.submitter ?? $('button', event.target));
  });
  document.addEventListener('input', ({ target }) => {
    if (!main.contains(target)) return;
    // what somebody takes back holds nothing up
    if (target.value === target.defaultValue) delete target.dataset.dirty; else target.dataset.dirty = '1';
  });

  // what somebody does to a page stays: what they typed, opened, focused
  const KEPT = { DETAILS: ['open'], INPUT: ['value'], TEXTAREA: [], SELECT: [], BUTTON: ['disabled'] };

  const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id ?? '') === (b.id ?? '');

  /// Makes one tree like another, and changes no more than has to be changed.
  const morph = (from, to) => {
    if (from.nodeType !== Node.ELEMENT_NODE) {
      if (from.nodeValue !== to.nodeValue) {
        from.nodeValue = to.nodeValue;
        // times go on by themselves
        const cell = from.parentElement?.closest('time') ? null : from.parentElement?.closest('td, .value');
        if (cell) { cell.classList.remove('changed'); void cell.offsetWidth; cell.classList.add('changed'); }
      }
      return;
    }
    if (from.dataset?.dirty) return;
    const kept = KEPT[from.nodeName] ?? [];
    for (const { name, value } of to.attributes) {
      if (!kept.includes(name) && from.getAttribute(name) !== value) from.setAttribute(name, value);
    }
    for (const { name } of [...from.attributes]) {
      if (!kept.includes(name) && name !== 'class' && !to.hasAttribute(name)) from.removeAttribute(name);
    }
    if (to.nodeName === 'INPUT' && from.value !== to.value && from !== document.activeElement) from.value = to.value;
    const wanted = [...to.childNodes];
    wanted.forEach((child, at) => {
      const here = from.childNodes[at];
      if (here && alike(here, child)) { morph(here, child); return; }
      const later = child.id && [...from.childNodes].slice(at).find((node) => alike(node, child));
      if (later) { from.insertBefore(later, here); morph(later, child); } else { from.insertBefore(document.importNode(child, true), here ?? null); }
    });
    while (from.childNodes.length > wanted.length) from.lastChild.remove();
  };

  // nobody is disturbed while they type or decide
  let waiting = null;
  const isBusy = () => ask.open
    || main.querySelector('[data-dirty]')
    || (main.contains(document.activeElement) && document.activeElement.matches('input, textarea, select'))
    || (!getSelection().isCollapsed && main.contains(getSelection().anchorNode));
  const show = (html) => {
    if (isBusy()) { waiting = html; return; }
    waiting = null;
    const page = new DOMParser().parseFromString(`<main>${html}</main>`, 'text/html');
    morph(main, Object.assign(page.body.firstChild, { id: 'main', tabIndex: -1 }));
  };
  setInterval(() => { if (waiting !== null && state === 'live') show(waiting); }, 1_000);

  const page = document.body.dataset.live;
  let source = null;
  let state = 'off';
  let retry;
  let heard = 0;
  const tell = (next, words) => {
    state = next;
    live.dataset.state = next;
    const word = $('.word', live);
    if (word.textContent !== words) word.textContent = words;
  };

  /// The page once more, after something was pressed.
  async function refresh() {
    if (!page) return;
    const answer = await fetch(page, { headers: { accept: 'text/html' }, credentials: 'same-origin' });
    if (!answer.ok || answer.redirected) { location.reload(); return; }
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const busy = document.activeElement;
    if (main.contains(busy) && busy.matches('input, textarea, select')) busy.blur();
    if (fresh.querySelector('#main')) show(fresh.querySelector('#main').innerHTML);
  }

  const open = () => {
    clearTimeout(retry);
    source?.close();
    source = new EventSource(`/dashboard/live?page=${encodeURIComponent(page)}`);
    const beat = () => { heard = Date.now(); tell('live', 'Live'); };
    source.addEventListener('main', (event) => { beat(); show(JSON.parse(event.data)); });
    source.addEventListener('beat', beat);
    // nothing is asked for in the meantime that would be refused
    source.addEventListener('gone', () => { close(); location.reload(); });
    source.onerror = () => {
      tell('lost', 'Disconnected');
      // a refusal is not tried again by browsers themselves
      if (source.readyState === EventSource.CLOSED) retry = setTimeout(open, 5_000);
    };
  };
  const close = () => { clearTimeout(retry); source?.close(); source = null; };

  if (page && live) {
    open();
    setInterval(() => { if (state === 'live' && Date.now() - heard > 20_000) tell('lost', 'Disconnected'); }, 5_000);
    pause.addEventListener('click', () => {
      const isPaused = pause.getAttribute('aria-pressed') !== 'true';
      pause.setAttribute('aria-pressed', String(isPaused));
      pause.textContent = isPaused ? 'Go on' : 'Pause';
      if (isPaused) { close(); tell('paused', 'Paused'); } else { open(); }
    });
    // what nobody looks at is not kept current
    document.addEventListener('visibilitychange', () => {
      if (pause.getAttribute('aria-pressed') === 'true') return;
      if (document.hidden) close(); else open();
    });
    addEventListener('pagehide', close);
  } else if (pause) {
    pause.hidden = true;
  }
})();
