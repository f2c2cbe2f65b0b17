// SPDX-License-Identifier: MIT
// build: release
//
// Who is knocking: empty, then each mistake by its cause with the cure, live, on a phone as cards.
import { connect } from 'node:net';
import WebSocket from 'ws';
import { check, holds, isWide, run, same, textOf, until } from './kit.mjs';

// Bytes to the hub, and away again once it has answered.
const say = (hub, bytes) => new Promise((done) => {
  const socket = connect(hub.port, '127.0.0.1', () => socket.write(bytes));
  socket.on('data', () => socket.destroy());
  socket.on('error', () => {});
  socket.on('close', done);
});

const causes = (page) => page.$$eval('.knock', (all) => all.map((e) => e.dataset.reason));
const tls = Buffer.from('160301020001000100', 'hex');

run(async (hub, browser) => {
  const page = await browser.open(`${hub.url}/#/knocking`);

  await check('with none there the page says so', async () => {
    await until('the empty state', () => page.isVisible('.empty'));
    holds(await textOf(page, '.empty'), 'Nobody has knocked in vain');
    same(await page.title(), 'Knocking – Sluice', 'title');
    same(await page.$eval('nav a[aria-current=page]', (a) => a.innerText.includes('Knocking')), true, 'the link in the header');
    await browser.shot(page, 'knocking-empty');
  });

  await check('a knock appears without a reload, with cause and cure', async () => {
    await page.evaluate(() => { window.sameDocument = true; });
    await say(hub, tls);
    await until('its cause', async () => (await causes(page)).length === 1);
    const text = await textOf(page, '.knock');
    for (const piece of ['It speaks TLS, and this port is plain.', 'Needs a change', 'What helps: Write ws:// or http://', '127.0.0.1']) holds(text, piece);
    same(await page.$$eval('.empty', (all) => all.length), 0, 'empty states');
    same(await page.evaluate(() => window.sameDocument), true, 'same document');
  });

  await check('the same again is counted, not listed twice', async () => {
    for (let i = 0; i < 4; i++) await say(hub, tls);
    await until('five times', async () => (await textOf(page, '.knock .sure')) !== '' && (await textOf(page, '.knock-facts')).includes('5 times'));
    same((await page.$$('.knock .knock-rows tbody tr')).length, 1, 'rows');
  });

  await check('the newest cause is on top; one cause has a row for each path', async () => {
    for (const path of ['/one', '/two', '/%3Cimg%20src=x%20onerror=alert(1)%3E']) await fetch(hub.url + path);
    await until('two causes', async () => (await causes(page)).join() === 'wrong_path,tls_on_plain_port');
    await until('three rows', async () => (await page.$$('[data-reason=wrong_path] tbody tr')).length === 3);
    holds(await textOf(page, '[data-reason=wrong_path] tbody tr'), '<img src=x onerror=alert(1)>'); // as text
    same(await page.$$eval('.knock img', (all) => all.length), 0, 'pictures');
  });

  await check('of many, eight are shown until somebody asks', async () => {
    for (let i = 0; i < 20; i++) await fetch(`${hub.url}/many/${i}`);
    const button = page.locator('[data-reason=wrong_path] button');
    await until('the button', async () => (await textOf(page, '[data-reason=wrong_path] button')) === '15 more');
    same((await page.$$('[data-reason=wrong_path] tbody tr')).length, 8, 'rows');
    await button.click();
    await until('all', async () => (await page.$$('[data-reason=wrong_path] tbody tr')).length === 23);
  });

  await check('what the hub forgets at its restart, the page forgets as well', async () => {
    await hub.stop('SIGTERM');
    await until('the bar', async () => (await textOf(page, '.link-state')).includes('No connection'));
    same((await causes(page)).length, 2, 'causes meanwhile');
    await hub.start();
    await until('the empty state', () => page.isVisible('.empty'), 30);
  });

  await check('on a phone rows are cards, dark and light', async () => {
    await say(hub, tls);
    await fetch(`${hub.url}/api/detections/and-a-rather-long-path-that-goes-on`, { method: 'POST' });
    await fetch(`${hub.url}/ws`);
    const ws = new WebSocket(`ws://127.0.0.1:${hub.port}/ws`);
    ws.on('open', () => {
      ws.send('{"type":"frame","frame":"AAAA"}');
      ws.send('{"type":"device_register","device_id":"cam-1"}');
      ws.send('{"type":"detection"}');
    });
    await fetch(`${hub.url}/websocket`);
    await until('all causes', async () => (await causes(page)).length === 6);
    holds(await page.innerText('.knocking'), `ws://127.0.0.1:${hub.port}/ws`); // the hub as this reader knows it
    ws.terminate();
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme });
      for (const [width, height] of [[1280, 800], [390, 844], [320, 700]]) {
        await page.setViewportSize({ width, height });
        if (await isWide(page)) throw new Error(`${width} px: scrolls sideways`);
        same(await page.$eval('.knock-rows tbody tr', (r) => getComputedStyle(r).display), width < 600 ? 'grid' : 'table-row', `${width} px`);
        await browser.shot(page, `knocking-${colorScheme}-${width}`);
      }
    }
  });
});
