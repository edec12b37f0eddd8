// What is wrong with a page for somebody: who sees little, has a narrow screen, has no mouse, or runs no scripts.
import { control } from './browser.mjs';

// Runs inside of pages: text that is too pale for its ground (WCAG 2.2, 1.4.3), and fields whose edge is (1.4.11).
export const pale = () => {
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
export const broad = () => {
  const found = [];
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth} wide`);
  for (const element of document.querySelectorAll('h1, h2, button, .tile > *, .status, .choices, .ways a, .facts dd, label, select, .card-head > *')) {
    if (!element.checkVisibility() || element.matches('.vh')) continue;
    if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== 'inline') {
      found.push(`${element.nodeName} "${element.textContent.trim().slice(0, 40)}" is cut`);
    }
    const { left, right } = element.getBoundingClientRect();
    if (!element.closest('.scroll') && (left < -1 || right > clientWidth + 1)) found.push(`${element.nodeName} "${element.textContent.trim().slice(0, 40)}" leaves the page`);
  }
  return found;
};

/// What the keyboard does not reach, or reaches unseen, and what has no name.
export async function tabbed(page) {
  await page.evaluate(() => {
    window.reached = new Set();
    document.activeElement.blur();
  });
  const found = [];
  // it may begin anywhere: then it goes round once
  for (let rounds = 0; rounds < 2; ) {
    await page.keyboard.press('Tab');
    const seen = await page.evaluate(step);
    if (seen.fault) found.push(seen.fault);
    if (!seen.isNew) rounds += 1;
  }
  return [...found, ...(await page.evaluate(missed))];
}

// Runs inside of pages.
const step = () => {
  const at = document.activeElement;
  if (at === document.body || window.reached.has(at)) return { isNew: false };
  window.reached.add(at);
  const { outlineStyle, outlineWidth } = getComputedStyle(at);
  const isSeen = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && at.getBoundingClientRect().width > 1;
  return { isNew: true, fault: isSeen ? undefined : `the focus is not seen on ${at.outerHTML.slice(0, 80)}` };
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
export async function unscripted(page, bare, path, again) {
  const look = () => ({
    title: document.querySelector('h1').textContent,
    parts: [...document.querySelectorAll('h2')].map((part) => part.textContent).join(', '),
    charts: document.querySelectorAll('svg.drawing').length,
    ways: [...document.querySelectorAll('.ways a')].map((a) => a.textContent).join(', '),
  });
  let found;
  // what is new since the page was opened is no difference
  for (let tries = 0; tries < 5 && found?.length !== 0; tries++) {
    if (tries) await again();
    await bare.goto(control + path);
    const [one, other] = [await page.evaluate(look), await bare.evaluate(look)];
    const differ = Object.keys(one).filter((what) => one[what] !== other[what]);
    found = differ.map((what) => `without scripts: ${what}: ${other[what]} for ${one[what]}`);
  }
  const useless = await bare.$$eval('button', (all) => all.filter((one) => one.checkVisibility()).map((one) => one.textContent.trim()).filter((text) => text !== 'Log out'));
  if (useless.length) found.push(`without scripts: nothing comes of ${useless}`);
  if (!(await bare.isVisible('.noscript'))) found.push('without scripts: nothing is said of it');
  return found;
}
