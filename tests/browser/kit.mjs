// SPDX-License-Identifier: MIT
// What the browser tests share: a hub, cameras, pages that note every complaint, and TAP.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { chromium } from 'playwright-core';
import WebSocket from 'ws';

const root = process.env.SLUICE_SOURCE ?? process.cwd();
const sluice = join(process.env.SLUICE_BUILD ?? join(root, 'build'), 'sluice');
const shots = process.env.SLUICE_SHOTS; // a folder: screenshots to look at
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const file = basename(process.argv[1]);
const pictures = ['red', 'green'].map((name) => readFileSync(join(root, 'tests/e2e', `${name}.jpg`)));

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export async function until(what, condition, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  let value;
  while (!(value = await condition())) {
    if (Date.now() > end) throw new Error(`no sign of: ${what}`);
    await sleep(40);
  }
  return value;
}

export function same(got, wanted, what = 'value') {
  if (got !== wanted) throw new Error(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
}

export function holds(text, piece) {
  if (!(piece instanceof RegExp ? piece.test(text) : text.includes(piece))) throw new Error(`${piece} is not in: ${text}`);
}

export class Hub {
  folder = mkdtempSync(join(tmpdir(), 'sluice-browser-'));
  port = 0;

  async start() {
    const ready = join(this.folder, 'ready');
    rmSync(ready, { force: true });
    this.process = spawn(sluice, ['serve', '--listen', `127.0.0.1:${this.port}`, '--data', join(this.folder, 'data'),
      '--ready-file', ready], { stdio: 'ignore' });
    await until('the hub', () => existsSync(ready) && readFileSync(ready, 'utf8').includes('\n'));
    this.port = Number(readFileSync(ready, 'utf8').trim().split(':')[1]);
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }

  async ask(path, method = 'GET', body = undefined) {
    const answer = await fetch(this.url + path, { method, body: body && JSON.stringify(body),
      headers: body && { 'Content-Type': 'application/json' } });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  post(defect) {
    return this.ask('/defects', 'POST', { device_id: 'cam-1', confidence: 0.8, ...defect });
  }

  stop(signal) {
    return gone(this.process, signal);
  }
}

function gone(child, signal) {
  if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => {
    child.once('exit', done);
    child.kill(signal);
  });
}

// Frames of `bytes` each, red and green in turn; comment segments (T.81 B.2.4.5) fill them up.
function padded(jpeg, bytes) {
  const parts = [jpeg.subarray(0, 2)];
  for (let left = bytes - jpeg.length; left > 4; left -= 65537) {
    const n = Math.min(left, 65537), segment = Buffer.alloc(n, 120);
    segment.writeUInt16BE(0xfffe, 0);
    segment.writeUInt16BE(n - 2, 2);
    parts.push(segment);
  }
  return Buffer.concat([...parts, jpeg.subarray(2)]);
}

export class Camera {
  constructor(hub, device, { fps = 10, bytes = 20000 } = {}) {
    const frames = pictures.map((p) => JSON.stringify({ type: 'frame', frame: padded(p, bytes).toString('base64') }));
    let n = 0;
    this.socket = new WebSocket(`ws://127.0.0.1:${hub.port}/ws`);
    this.socket.on('error', () => {}); // the test says what is missing
    this.socket.on('open', () => {
      this.send({ type: 'device_register', device_id: device });
      this.timer = setInterval(() => this.paused || this.socket.send(frames[n++ % 2]), 1000 / fps);
    });
    this.socket.on('close', () => clearInterval(this.timer));
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  detect(defect_type, more = {}) {
    this.send({ type: 'detection', defect_type, confidence: 0.81, timestamp: new Date().toISOString(), ...more });
  }

  close() {
    this.socket.terminate();
  }
}

// An older camera, by Socket.IO: a picture with these defects in it, when told to.
export class OlderCamera {
  constructor(hub, device) {
    this.device = device;
    this.socket = new WebSocket(`ws://127.0.0.1:${hub.port}/socket.io/?EIO=4&transport=websocket`);
    this.socket.on('error', () => {}); // the test says what is missing
    this.joined = new Promise((done) => this.socket.on('message', (data) => {
      const text = data.toString();
      if (text.startsWith('0')) this.socket.send('40');
      if (text.startsWith('40')) done();
    }));
  }

  async show(...defects) {
    await this.joined;
    this.socket.send(`42${JSON.stringify(['device:frame', { image: pictures[0].toString('base64'), deviceId: this.device, defects }])}`);
  }

  close() {
    this.socket.terminate();
  }
}

// The camera script itself: each line of its stdin, TYPE CONFIDENCE, is a detection.
export function startScript(hub, device) {
  const script = spawn('/usr/bin/python3', [join(root, 'tests/e2e/camera.py'), `ws://127.0.0.1:${hub.port}/ws`, device],
    { stdio: ['pipe', 'ignore', 'ignore'] });
  script.stdin.on('error', () => {}); // it died: the test says what is missing
  script.end = (signal = 'SIGKILL') => gone(script, signal);
  return script;
}

// What a browser says itself of a hub that is away is expected.
const isOurs = (text) => !/ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|WebSocket connection to/.test(text);

export class Browser {
  complaints = [];

  async start() {
    this.browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags });
  }

  // expected: console errors that the test provokes
  async open(url, { width = 1280, height = 800, colorScheme = 'dark', before, expected = /^$/ } = {}) {
    const context = await this.browser.newContext({ viewport: { width, height }, colorScheme });
    const page = await context.newPage();
    page.setDefaultTimeout(10000);
    page.on('pageerror', (e) => this.complaints.push(e.stack));
    page.on('console', (m) => {
      if (m.type() === 'error' && isOurs(m.text()) && !expected.test(m.text())) this.complaints.push(m.text());
    });
    await before?.(page);
    await page.goto(url);
    return page;
  }

  async shot(page, name) {
    if (shots) await page.screenshot({ path: join(shots, `${name}.png`) });
  }
}

let failed = 0;

export async function check(name, body) {
  try {
    await body();
    console.log(`ok - ${file}: ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok - ${file}: ${name}`);
    console.log(`# ${String(error.stack ?? error).replaceAll('\n', '\n# ')}`);
  }
}

// Runs `body(hub, browser)` and ends everything that it started. `hub`: or another server.
export async function run(body, hub = new Hub()) {
  const browser = new Browser();
  try {
    await hub.start();
    await browser.start();
    await body(hub, browser);
    await check('the page raised no error, and the content policy none', () => {
      if (browser.complaints.length) throw new Error(browser.complaints.join('\n'));
    });
  } catch (error) {
    await check('the test itself', () => { throw error; });
  } finally {
    await browser.browser?.close();
    await hub.stop('SIGTERM');
    if (hub.folder) rmSync(hub.folder, { recursive: true, force: true });
  }
  process.exit(failed ? 1 : 0);
}

// ---- what is on a page ----

// At this moment, '' if it is not there: page.innerText() would wait for it.
export const textOf = (page, where) => page.$eval(where, (e) => e.innerText).catch(() => '');

export const rowsOf = (page) => page.$$eval('.list .rows tbody tr', (rows) =>
  rows.map((r) => r.innerText.replaceAll(/\s+/g, ' ').trim()));
export const stateOf = (page, device) => page.$eval(`.tile[data-device="${device}"]`, (t) => t.dataset.state).catch(() => null);
export const isWide = (page) => page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);

export const pixelOf = (page, where) => page.$eval(`${where} canvas`, (c) =>
  c.width ? [...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data] : null).catch(() => null);
const isRed = (p) => p && p[0] > 150 && p[1] < 80;
const isGreen = (p) => p && p[1] > 120 && p[0] < 80;

export async function seeMotion(page, where) {
  await until('a red picture', async () => isRed(await pixelOf(page, where)));
  await until('a green one', async () => isGreen(await pixelOf(page, where)));
  await until('and red again', async () => isRed(await pixelOf(page, where)));
}
