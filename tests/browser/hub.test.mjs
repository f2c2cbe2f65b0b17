// SPDX-License-Identifier: MIT
// build: release
//
// The page in Chromium: a real camera's picture moves, a detection appears without a reload,
// and is still listed after the hub was killed and started again.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const root = process.env.SLUICE_SOURCE ?? process.cwd();
const sluice = join(process.env.SLUICE_BUILD ?? join(root, 'build'), 'sluice');
const folder = mkdtempSync(join(tmpdir(), 'sluice-browser-'));
const shots = process.env.SLUICE_SHOTS; // a folder: screenshots to look at
const chromiumFlags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
let hub = null, camera = null, browser = null, port = 0, failed = 0;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(what, condition, seconds = 20) {
  const end = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`no sign of: ${what}`);
    await sleep(50);
  }
}

async function check(name, body) {
  try {
    await body();
    console.log(`ok - hub.test.mjs: ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok - hub.test.mjs: ${name}`);
    console.log(`# ${String(error.stack ?? error).replaceAll('\n', '\n# ')}`);
  }
}

async function startHub() {
  const ready = join(folder, 'ready');
  rmSync(ready, { force: true });
  hub = spawn(sluice, ['serve', '--listen', `127.0.0.1:${port}`, '--data', join(folder, 'data'), '--ready-file', ready],
    { stdio: ['ignore', 'ignore', 'ignore'] });
  await until('the hub', () => existsSync(ready));
  port = Number(readFileSync(ready, 'utf8').trim().split(':')[1]);
}

function startCamera(device = 'cam-7') {
  camera = spawn('/usr/bin/python3', [join(root, 'tests/e2e/camera.py'), `ws://127.0.0.1:${port}/ws`, device],
    { stdio: ['pipe', 'ignore', 'ignore'] });
  camera.stdin.on('error', () => {}); // it died: the test says what is missing
}

function gone(child, signal) {
  if (!child || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((done) => {
    child.once('exit', done);
    child.kill(signal);
  });
}

const shot = async (page, name) => shots && page.screenshot({ path: join(shots, `${name}.png`) });
const rowTexts = (page) => page.$$eval('#rows tr', (rows) => rows.map((r) => r.innerText.replaceAll(/\s+/g, ' ')));
const tileState = (page) => page.$eval('.tile', (t) => t.dataset.state).catch(() => null);
const middlePixel = (page) => page.$eval('.tile canvas', (c) =>
  c.width ? [...c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data] : null).catch(() => null);
const scrollsSideways = (page) => page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);

async function run() {
  await startHub();
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: chromiumFlags });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: 'dark' });
  const complaints = [];
  page.on('pageerror', (e) => complaints.push(e.message));
  page.on('console', (m) => {
    // what the browser itself says of a hub that is away is expected
    if (m.type() === 'error' && !m.text().includes('ERR_CONNECTION')) complaints.push(m.text());
  });
  await page.goto(`http://127.0.0.1:${port}/`);

  await check('with nothing there the page says the line that makes something appear', async () => {
    await until('both empty states', async () =>
      (await page.isVisible('#no-cameras')) && (await page.isVisible('#no-rows')));
    const text = await page.innerText('main');
    if (!text.includes(`sluice sim glass --url ws://127.0.0.1:${port}/ws`)) throw new Error(text);
    await shot(page, 'empty');
  });

  await check('the picture of a camera is drawn and moves', async () => {
    startCamera();
    await until('a live tile', async () => (await tileState(page)) === 'live');
    const isRed = ([r, g]) => r > 150 && g < 80, isGreen = ([r, g]) => g > 120 && r < 80;
    await until('a red picture', async () => isRed((await middlePixel(page)) ?? []));
    await until('a green one', async () => isGreen((await middlePixel(page)) ?? []));
    await until('and red again', async () => isRed((await middlePixel(page)) ?? []));
    const words = await page.innerText('.tile');
    if (!/LIVE\s+cam-7/.test(words)) throw new Error(words);
  });

  await check('a detection appears without a reload', async () => {
    await page.evaluate(() => { window.sameDocument = true; });
    camera.stdin.write('scratch 0.87\n');
    await until('its row', async () => (await rowTexts(page)).length === 1);
    const [row] = await rowTexts(page);
    if (!/^\d\d:\d\d:\d\d Scratch 87 % cam-7 Pending$/.test(row)) throw new Error(row);
    if (!(await page.evaluate(() => window.sameDocument))) throw new Error('the page was loaded again');
    await shot(page, 'live');
  });

  await check('the newest is on top', async () => {
    camera.stdin.write('chip 0.5\n');
    await until('a second row', async () => (await rowTexts(page)).length === 2);
    if (!(await rowTexts(page))[0].includes('Chip')) throw new Error((await rowTexts(page)).join('\n'));
  });

  await check('when the hub is killed the page says so and stays readable', async () => {
    await gone(hub, 'SIGKILL');
    await until('the bar', () => page.isVisible('#bar'));
    if (!(await page.innerText('#bar')).includes('No connection to the hub since')) throw new Error('other words');
    await until('an honest tile', async () => (await tileState(page)) !== 'live');
    if ((await rowTexts(page)).length !== 2) throw new Error('the rows are gone');
    await shot(page, 'hub-gone');
  });

  await check('after the restart it comes back by itself, the detections still listed', async () => {
    await gone(camera, 'SIGKILL');
    await startHub();
    startCamera();
    await until('no bar', async () => !(await page.isVisible('#bar')));
    await until('a live tile', async () => (await tileState(page)) === 'live');
    if (!(await page.evaluate(() => window.sameDocument))) throw new Error('the page was loaded again');
    camera.stdin.write('bubble 0.7\n');
    await until('the third row', async () => (await rowTexts(page)).length === 3);
    await page.reload();
    await until('three rows after a reload', async () => (await rowTexts(page)).length === 3);
    const kinds = (await rowTexts(page)).map((r) => r.split(' ')[1]).join(' ');
    if (kinds !== 'Bubble Chip Scratch') throw new Error(kinds);
  });

  await check('a camera that stops is STALE, then one that leaves is OFFLINE', async () => {
    camera.kill('SIGSTOP');
    await until('STALE', async () => (await tileState(page)) === 'stale');
    if (!(await page.innerText('.tile')).includes('no video since')) throw new Error('other words');
    await gone(camera, 'SIGKILL');
    await until('OFFLINE', async () => (await tileState(page)) === 'off');
    await shot(page, 'offline');
  });

  await check('new rows do not move a reader who has scrolled', async () => {
    startCamera();
    await until('a live tile', async () => (await tileState(page)) === 'live');
    for (let i = 0; i < 40; i++) camera.stdin.write('chip 0.6\n');
    await until('many rows', async () => (await rowTexts(page)).length === 43, 40);
    await page.$eval('#scroller', (s) => { s.scrollTop = 300; });
    const first = await page.$eval('#rows tr:nth-child(12)', (r) => r.getBoundingClientRect().top);
    camera.stdin.write('crack 0.9\n');
    await until('the button', () => page.isVisible('#pill'));
    if ((await page.innerText('#pill')) !== '1 new') throw new Error(await page.innerText('#pill'));
    const now = await page.$eval('#rows tr:nth-child(12)', (r) => r.getBoundingClientRect().top);
    if (Math.abs(first - now) > 1) throw new Error(`moved by ${now - first} px`);
    await shot(page, 'scrolled');
    await page.click('#pill');
    await until('the new row on top', async () => (await rowTexts(page))[0].includes('Crack'));
  });

  await check('on a phone nothing is wider than the screen', async () => {
    const phone = await browser.newPage({ viewport: { width: 390, height: 844 }, colorScheme: 'light' });
    await phone.goto(`http://127.0.0.1:${port}/`);
    await until('rows', async () => (await rowTexts(phone)).length > 3);
    await until('a live tile', async () => (await tileState(phone)) === 'live');
    if (await scrollsSideways(phone)) throw new Error('it scrolls sideways');
    await shot(phone, 'phone');
    await phone.locator('#rows tr').nth(5).scrollIntoViewIfNeeded();
    await shot(phone, 'phone-rows');
    await phone.setViewportSize({ width: 320, height: 600 });
    if (await scrollsSideways(phone)) throw new Error('it scrolls sideways at 320 px');
    await phone.close();
  });

  await check('the page raised no error, and the content policy none', async () => {
    if (complaints.length) throw new Error(complaints.join('\n'));
    if (await scrollsSideways(page)) throw new Error('it scrolls sideways');
  });
}

try {
  await run();
} catch (error) {
  failed++;
  console.log(`not ok - hub.test.mjs: the test itself\n# ${String(error.stack).replaceAll('\n', '\n# ')}`);
} finally {
  await browser?.close();
  await gone(camera, 'SIGKILL');
  await gone(hub, 'SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
