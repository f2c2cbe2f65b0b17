// SPDX-License-Identifier: MIT
// build: release
//
// Who is connected: seen come and go, found, sorted, followed and ended; and what goes on.
import WebSocket from 'ws';
import { Camera, check, holds, isWide, run, same, textOf, until } from './kit.mjs';

const names = (page) => page.$$eval('.peers tbody tr .who strong', (all) => all.map((e) => e.innerText));
const lines = (page) => page.$$eval('.tail-lines li', (all) => all.map((e) => e.innerText.replaceAll(/\s+/g, ' ')));

function dashboard(hub) {
  const socket = new WebSocket(`ws://127.0.0.1:${hub.port}/ws`, { headers: { 'User-Agent': 'board/1' } });
  socket.on('open', () => socket.send('{"type":"web_client"}'));
  socket.on('error', () => {});
  return socket;
}

run(async (hub, browser) => {
  const page = await browser.open(`${hub.url}/#/connections`);

  await check('the page sees itself, and who comes', async () => {
    await until('a row', async () => (await names(page)).length > 0);
    same(await page.title(), 'Connections – Sluice', 'title');
    holds(await textOf(page, '.peers'), 'hub · page');
    await until('its event stream', async () => (await textOf(page, '.peers')).includes('Event stream'));
  });
  const camera = new Camera(hub, 'cam-1'), board = dashboard(hub);
  const other = new Camera(hub, '<img src=x onerror=alert(1)>', { fps: 1 });
  await check('a camera and a dashboard appear with what they are', async () => {
    await until('all', async () => (await names(page)).filter((n) => n === 'cam-1' || n.startsWith('<img') || n === 'board/1').length === 3);
    holds(await page.locator('.peers tbody tr', { hasText: 'cam-1' }).first().innerText(), 'glass · device');
    same(await page.$$eval('.peers img', (all) => all.length), 0, 'pictures');
  });
  await check('the tail tells of them, and can be stopped and filtered', async () => {
    await until('frames', async () => (await lines(page)).some((l) => /in cam-1 frame × \d+/.test(l)));
    await until('who it was', async () => (await lines(page)).some((l) => /identified cam-1 as glass · device/.test(l)));
    await page.selectOption('.tail select', 'identified');
    await until('only those', async () => (await lines(page)).every((l) => l.includes('identified')) && (await lines(page)).length >= 3);
    await page.selectOption('.tail select', '');
    await page.click('.tail button:text("Pause")');
    await until('what passed meanwhile', async () => /\(\d+ passed\)/.test(await textOf(page, '.tail .filters')));
    const before = (await lines(page))[0];
    await new Promise((done) => setTimeout(done, 100));
    same((await lines(page))[0], before, 'the newest line');
    await page.click('.tail .filters button[aria-pressed=true]');
    await until('new lines', async () => (await lines(page))[0] !== before);
  });
  await check('find, kind and order are in the address', async () => {
    await page.fill('input[name=q]', 'cam-1');
    await until('one row', async () => (await names(page)).join() === 'cam-1');
    holds(page.url(), 'q=cam-1');
    await page.fill('input[name=q]', 'none-such');
    await until('the empty state', async () => (await textOf(page, '.empty')).includes('No connection matches'));
    await page.fill('input[name=q]', '');
    await page.selectOption('select[name=transport]', 'sse');
    await until('event streams', async () => (await page.$$eval('.peers .how', (all) => all.slice(1).map((e) => e.innerText))).every((t) => t.includes('Event stream')));
    await page.selectOption('select[name=transport]', '');
    await page.click('th.in button');
    await until('the busiest first', async () => (await names(page))[0] === 'cam-1');
    same(await page.$eval('th.in', (e) => e.ariaSort), 'descending', 'aria-sort');
    holds(page.url(), 'sort=in');
    await page.click('th.who button');
    await until('by name', async () => { const n = await names(page); return n.join() === [...n].sort((a, b) => a.toLowerCase() < b.toLowerCase() ? -1 : 1).join(); });
  });
  await check('one is followed alone', async () => {
    await page.click('[aria-label="Follow cam-1"]');
    await until('its lines alone', async () => { const l = await lines(page); return l.length > 0 && l.every((line) => line.includes('cam-1')); });
    await page.click('.tail button:text("cam-1 only")');
    await until('all again', async () => (await lines(page)).some((l) => l.includes('<img')));
  });
  await check('ending one asks first, and ends that one alone', async () => {
    await page.click('[aria-label="Disconnect board/1"]');
    holds(await textOf(page, 'dialog'), 'Disconnect board/1?');
    await browser.shot(page, 'connections-dialog');
    await page.click('dialog button:text("Cancel")');
    same(board.readyState, WebSocket.OPEN, 'the dashboard');
    await page.click('[aria-label="Disconnect board/1"]');
    await page.click('dialog .danger');
    await until('its end', () => board.readyState === WebSocket.CLOSED);
    await until('no row of it', async () => !(await names(page)).includes('board/1'));
    same(camera.socket.readyState, WebSocket.OPEN, 'the camera');
    same((await page.$$('dialog')).length, 0, 'dialogs');
    await until('the tail to tell', async () => (await lines(page)).some((l) => /ended board\/1/.test(l)));
  });
  await check('cards on a phone, a table on a desk', async () => {
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme });
      for (const [width, height] of [[1280, 800], [900, 800], [720, 800], [390, 844], [320, 700]]) {
        await page.setViewportSize({ width, height });
        if (await isWide(page)) throw new Error(`${width} px: scrolls sideways`);
        same(await page.$eval('.peers tbody tr', (r) => getComputedStyle(r).display), width < 940 ? 'grid' : 'table-row', `${width} px`);
        await browser.shot(page, `connections-${colorScheme}-${width}`);
      }
    }
  });
  await check('a hub that is gone is said, and it comes back by itself', async () => {
    await hub.stop('SIGTERM');
    await until('the error', () => page.isVisible('.note.error'));
    await until('the tail', async () => (await textOf(page, '.tail .badge')).includes('No connection'));
    await hub.start();
    await until('rows again', async () => !(await page.isVisible('.note.error')) && (await names(page)).length > 0, 30);
    await until('the tail again', async () => (await textOf(page, '.tail .badge')) === 'Live', 30);
  });
  camera.close();
  other.close();
});
