// What the tests share: servers, a browser, and reading the page.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { chromium } from 'playwright-core';

const patience = 20_000;
const shots = process.env.PRESENCE_SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

/** Starts a server that prints its port in a line that matches `pattern`. */
export async function startServer(command, args, pattern) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let ended;
  child.on('error', (error) => (ended = error.message));
  child.on('exit', (code) => (ended = `ended with ${code}`));
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const port = await until(() => {
    if (ended) throw new Error(`${command}: ${ended}\n${output}`);
    return output.match(pattern)?.[1];
  }, `${command} prints its port`);
  return {
    url: `http://127.0.0.1:${port}/`,
    port: Number(port),
    async stop(signal = 'SIGTERM') {
      if (ended === undefined) child.kill(signal);
      await until(() => ended, `${command} ends`);
      return ended;
    },
  };
}

export function startFiles(folder) {
  const args = ['-u', '-m', 'http.server', '--bind', '127.0.0.1', '--directory', folder, '0'];
  return startServer('python3', args, /port (\d+)/);
}

export function startService(...args) {
  return startServer(process.env.PRESENCE_SERVICE, ['--port', '0', ...args], /^listening on (\d+)$/m);
}

/** Calls `read` until it returns something, and returns that. */
export async function until(read, what) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await read();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits until `read` returns what is expected, or a text that matches it. */
export async function eventually(read, expected) {
  let found;
  const end = Date.now() + patience;
  do {
    found = await read();
    if (expected instanceof RegExp ? expected.test(found) : isDeepStrictEqual(found, expected)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  } while (Date.now() < end);
  if (expected instanceof RegExp) assert.match(found, expected);
  assert.deepEqual(found, expected);
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.PRESENCE_CHROMIUM,
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
    ],
  });
}

export const desk = { width: 1280, height: 900 };
export const phone = { width: 390, height: 844 };

/** A page that is ready, with the clock at `time` if that is given. `close` fails if there were errors, or requests to another host. */
export async function openPage(browser, url, options = {}) {
  const { expectedErrors = [], time, ...more } = options;
  const context = await browser.newContext({ viewport: desk, timezoneId: 'UTC', locale: 'en-GB', ...more });
  const faults = [];
  const note = (text) => {
    if (!expectedErrors.some((pattern) => pattern.test(text))) faults.push(text);
  };
  const checkHost = (address) => {
    if (new URL(address).hostname !== '127.0.0.1') faults.push(`a request to ${address}`);
  };
  context.on('request', (request) => checkHost(request.url()));
  const page = await context.newPage();
  page.on('websocket', (socket) => checkHost(socket.url()));
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) note(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => note(error.stack));
  page.on('dialog', async (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  if (time) await page.clock.setFixedTime(time);
  page.setDefaultTimeout(patience);
  await page.goto(url);
  await page.waitForSelector('html[data-ready]');
  return {
    page,
    left: new Viewer(page, 'left'),
    right: new Viewer(page, 'right'),
    async shot(name) {
      await page.evaluate(() =>
        Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {}))));
      await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
    },
    async close() {
      await context.close();
      assert.deepEqual(faults, []);
    },
  };
}

/** One of the two panels. */
export class Viewer {
  constructor(page, side) {
    this.page = page;
    this.root = page.locator(`#${side}`);
  }

  /** The friends in their order, each as "name | state | activity | status", without what is empty at the end. */
  async people() {
    await frames(this.page);
    return this.root.locator('.person').evaluateAll((rows) => rows.map((row) =>
      ['.name', '.state', '.activity', '.words'].map((part) => row.querySelector(part).textContent)
        .join(' | ').replace(/( \| )+$/, '')));
  }
  async person(name) { return (await this.people()).find((text) => text.startsWith(`${name} |`)); }
  async position(name) { return (await this.people()).findIndex((text) => text.startsWith(`${name} |`)); }
  text(selector) { return this.root.locator(selector).innerText(); }
  async latest() { return (await this.text('.latest')).replace(/^[\d:]+ /, '').replace(/[\u2068\u2069]/g, ''); }
  watchers() { return this.root.locator('.watchers bdi').allTextContents(); }
  button(name) { return this.root.getByRole('button', { name, exact: true }); }
  get invisible() { return this.root.getByRole('switch', { name: 'Invisible' }); }
  async choose(label) { await this.root.getByLabel('Availability').selectOption({ label }); }
  async say(text) {
    await this.root.getByLabel('Status').fill(text);
    await this.button('Set').click();
  }
  /** The texts that describe the rows of the timeline. */
  timeline() { return this.root.getByRole('img').evaluateAll((rows) => rows.map((row) => row.getAttribute('aria-label'))); }
  /** The events that the viewer has received, oldest first. */
  events() {
    return this.root.locator('.lines .json').allTextContents().then((lines) => lines.map((line) => JSON.parse(line)).reverse());
  }
}

/** Waits until the page has shown what it knows. */
function frames(page) {
  return page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

/** Returns what reaches beyond the edge of the page or of the box that has to hold it. */
export function overflowing(page) {
  return page.evaluate(() => {
    const wide = document.documentElement.scrollWidth > window.innerWidth ? ['the page'] : [];
    for (const part of document.querySelectorAll('.panel *, #controls *')) {
      if (part.closest('.scroll, .lines, svg, .sr') || part.getClientRects().length === 0) continue;
      const box = part.getBoundingClientRect();
      const holder = part.closest('.panel, #controls').getBoundingClientRect();
      const isClipped = part.closest('.initials, .name, .own-name, .activity, .words, .own-state') !== null;
      if (!isClipped && (box.right > holder.right + 1 || box.left < holder.left - 1)) wide.push(part.outerHTML.slice(0, 80));
    }
    return wide;
  });
}

/** Returns texts whose contrast is below 4.5 to 1. */
export function faint(page) {
  return page.evaluate(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const pixel = (...colors) => {
      canvas.clearRect(0, 0, 1, 1);
      for (const color of colors) {
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
      }
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (color) => color.map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
      .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
    const found = [];
    for (const part of document.querySelectorAll('body *')) {
      const isText = [...part.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== '');
      if (!isText || part.closest(':disabled, [hidden], .sr, noscript, .stale') || !part.checkVisibility()) continue;
      const layers = [];
      for (let at = part; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
      const [a, b] = [luminance(pixel(...layers, getComputedStyle(part).color)), luminance(pixel(...layers))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const text = part.textContent.trim().slice(0, 30);
      if (contrast < 4.5) found.push(`${text} (${part.className || part.tagName}): ${contrast.toFixed(2)}`);
    }
    return found;
  });
}

/** Returns the roles of controls and pictures without a name that a screen reader can read. */
export async function nameless(page) {
  const devtools = await page.context().newCDPSession(page);
  const { nodes } = await devtools.send('Accessibility.getFullAXTree');
  const named = ['button', 'combobox', 'image', 'region', 'spinbutton', 'switch', 'textbox'];
  const found = nodes.filter((node) => !node.ignored && named.includes(node.role?.value));
  assert.ok(found.length > 20, `${found.length} controls`);
  return found.filter((node) => !node.name?.value?.trim()).map((node) => node.role.value);
}

/** Names that try to break out of their place. */
export const hostileNames = {
  markup: '<img src=x onerror=alert(1)><script>alert(2)</script>',
  entity: '&lt;b&gt; "quoted" \'text\'',
  override: '\u202Egnp.resu\u202C \u2067\u2067',
  arabic: 'محمد بن عبد الله',
  blank: '\u3164\u200B',  // a letter that looks like nothing; the id stands in for it
  words: 'many words '.repeat(27).trim(),
  long: 'W'.repeat(300),
  emoji: '👩‍👩‍👧‍👦🏳️‍🌈👍🏽',
  stacked: `Z${'\u0336\u0352\u035C\u0489'.repeat(30)}algo`,
};
