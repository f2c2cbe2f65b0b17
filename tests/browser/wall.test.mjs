// SPDX-License-Identifier: MIT
// build: release
//
// The wall and the camera's page: pictures move, their age is true, what is not seen is not asked for.
import { execFileSync } from 'node:child_process';
import { Camera, OlderCamera, check, holds, run, same, seeMotion, startScript, stateOf, textOf, until } from './kit.mjs';

// What the page says to the hub, and the frames that reach it, by stream.
const listenIn = (page) => page.addInitScript(() => {
  window.said = [];
  window.framesOf = {};
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) {
    if (!this.heard) {
      this.heard = true;
      this.addEventListener('message', ({ data }) => {
        if (typeof data === 'string') return;
        const stream = new DataView(data).getUint32(4, true);
        window.framesOf[stream] = (window.framesOf[stream] ?? 0) + 1;
      });
    }
    window.said.push(JSON.parse(text));
    return send.call(this, text);
  };
});

// The streams that the page asks for now.
const asked = (page) => page.evaluate(() => {
  const now = new Map();
  for (const m of window.said) {
    if (m.type === 'subscribe') m.streams.forEach((s) => now.set(s, m.fps));
    if (m.type === 'unsubscribe') m.streams.forEach((s) => now.delete(s));
  }
  return Object.fromEntries(now);
});
const numberOf = async (hub, device) => (await hub.ask('/api/streams')).streams.find((s) => s.device === device).stream;

const hide = (page, isHidden) => page.evaluate((hidden) => {
  Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event('visibilitychange'));
}, isHidden);

run(async (hub, browser) => {
  const page = await browser.open(`${hub.url}/`);

  await check('with nothing there the page says the lines that make something appear', async () => {
    await until('the first-run view', () => page.isVisible('.first-run'));
    const text = await page.innerText('main');
    holds(text, `sluice sim glass --url ws://127.0.0.1:${hub.port}/ws`);
    holds(text, `BACKEND_URL = "http://127.0.0.1:${hub.port}"`);
    await browser.shot(page, 'first-run');
  });

  await check('its buttons copy, or select what is to be copied', async () => {
    const step = page.locator('.copyable').first();
    await step.locator('button').click();
    await until('a word', async () => /Copied|Selected/.test(await step.locator('button').innerText()));
  });

  await check('the request it shows does store a detection', async () => {
    const line = await page.locator('.copyable code').nth(2).innerText();
    holds(line, 'curl');
    execFileSync('/bin/sh', ['-c', `${line} -sS`], { stdio: 'ignore' });
    same((await hub.ask('/defects')).pagination.total, 1, 'stored');
    await until('the link to the list', () => page.isVisible('.first-run a[href^="#/detections"]'));
  });

  const script = startScript(hub, 'cam-7');
  await check('the picture of the camera script is drawn and moves, without a reload', async () => {
    await until('a live tile', async () => (await stateOf(page, 'cam-7')) === 'live');
    await seeMotion(page, '.tile');
    const words = await until('both rates', async () => {
      const text = await page.innerText('.tile');
      return /fps in, \d/.test(text) && text;
    });
    holds(words, /cam-7\s+●?\s*LIVE/);
    holds(words, /\d\.\d s old/);
    await browser.shot(page, 'wall-1');
  });

  await check('its detection is named on the tile, listed beside it, and told', async () => {
    script.stdin.write('scratch 0.87\n');
    await until('the words', async () => (await textOf(page, '.tile')).includes('Scratch 87 %'));
    await until('the row', async () => (await textOf(page, '.latest')).includes('Scratch'));
    await until('the announcement', async () => (await page.textContent('#announcer')).includes('scratch from cam-7'));
  });

  await check('a clock that is an hour off makes no live camera look stale', async () => {
    const other = await browser.open(`${hub.url}/`, { before: (p) => p.addInitScript(() => {
      const now = Date.now;
      Date.now = () => now() + 3600e3;
    }) });
    await until('a live tile', async () => (await stateOf(other, 'cam-7')) === 'live');
    await other.context().close();
  });

  await check('a camera that stops is STALE after three seconds, then one that leaves is OFFLINE', async () => {
    script.kill('SIGSTOP');
    const began = Date.now();
    await until('STALE', async () => (await stateOf(page, 'cam-7')) === 'stale');
    const took = Date.now() - began;
    if (took < 2500 || took > 5500) throw new Error(`after ${took} ms`);
    holds(await page.innerText('.tile'), /STALE[^]*no video since \d\d:\d\d:\d\d/);
    await script.end();
    await until('OFFLINE', async () => (await stateOf(page, 'cam-7')) === 'off', 5);
    await browser.shot(page, 'wall-offline');
  });

  const cameras = [1, 2, 3, 4, 5, 6].map((n) => new Camera(hub, `line-${n}`));
  await check('tiles that are not seen are not subscribed, nor is anything in a hidden tab', async () => {
    const low = await browser.open(`${hub.url}/`, { width: 390, height: 500, before: listenIn });
    await until('a live tile', async () => (await stateOf(low, 'line-1')) === 'live');
    const [first, last] = [await numberOf(hub, 'line-1'), await numberOf(hub, 'line-6')];
    await low.locator('.tile[data-device="line-1"]').scrollIntoViewIfNeeded();
    const now = await until('line-1 asked for', async () => { const a = await asked(low); return first in a && a; });
    if (last in now) throw new Error(`line-6 is out of sight, yet asked for: ${JSON.stringify(now)}`);
    if (now[first] > 10) throw new Error(`a tile among seven asks for ${now[first]} fps`);
    const before = await low.evaluate((n) => window.framesOf[n], first);
    await until('ten frames more', async () => (await low.evaluate((n) => window.framesOf[n], first)) > before + 10);
    same(await low.evaluate((n) => window.framesOf[n], last), undefined, 'frames of line-6');
    await low.locator('.tile[data-device="line-6"]').scrollIntoViewIfNeeded();
    await until('line-6 instead', async () => { const a = await asked(low); return last in a && !(first in a); });
    await hide(low, true);
    await until('nothing asked for', async () => Object.keys(await asked(low)).length === 0);
    await hide(low, false);
    await until('line-6 again', async () => last in (await asked(low)));
    await low.context().close();
  });

  await check('the saver asks for two pictures a second', async () => {
    const saver = await browser.open(`${hub.url}/`, { before: listenIn });
    await until('tiles', async () => (await saver.locator('.tile').count()) === 7);
    await saver.click('button:has-text("Saver")');
    await until('two', async () => Object.values(await asked(saver)).every((fps) => fps === 2));
    await saver.context().close();
  });

  await check('a tile leads to the camera: its picture, at full rate, and its facts', async () => {
    await page.click('.tile[data-device="line-2"] .name');
    await until('its page', async () => (await textOf(page, 'h1')) === 'line-2');
    await seeMotion(page, '.stage');
    const facts = await page.innerText('.facts-list');
    holds(facts, /Wire\s+WebSocket/);
    holds(facts, /From\s+127\.0\.0\.1/);
    holds(facts, /fps in/);
    const jpg = await fetch(hub.url + await page.getAttribute('.stage a[href$=".jpg"]', 'href'));
    same(jpg.headers.get('content-type'), 'image/jpeg', 'type of the still');
  });

  await check('another camera’s detection is told by a toast that leads to it', async () => {
    cameras[2].detect('stain');
    await until('the toast', async () => /Stain 81 %\s+line-3/.test(await textOf(page, '.toast')));
    const href = await page.getAttribute('.toast a', 'href');
    holds(href, /#\/detections\/[0-9a-f-]{36}$/);
    await page.click('.toast button');
    await until('no toast', async () => (await textOf(page, '.toast')) === '');
  });

  await check('boxes are drawn for two seconds, in the picture and in words', async () => {
    cameras[1].detect('crack', { bbox: [10, 20, 30, 40], source: [100, 100] });
    await until('the box', async () => (await page.locator('.boxes rect').count()) === 1);
    same(await page.getAttribute('.boxes', 'viewBox'), '0 0 100 100', 'scale');
    holds(await page.innerText('.box-words'), /Crack 81 % at 10, 20; 30 × 40 px/);
    await browser.shot(page, 'camera');
    await until('no box', async () => (await page.locator('.boxes rect').count()) === 0, 6);
    holds(await page.innerText('.events'), /Crack/);
  });

  await check('what an older camera has marked in a picture is in place of what it marked before', async () => {
    const older = new OlderCamera(hub, 'line-2'), rows = await page.locator('.events li, .events tr').count();
    const at = (x) => ({ type: 'chip', confidence: '87.00%', bbox: [x, 20, 30, 40] });
    await older.show(at(10), at(60), { type: 'no box' });
    await until('two boxes', async () => (await page.locator('.boxes rect').count()) === 2);
    holds(await page.innerText('.box-words'), /Chip 87 % at 10, 20; 30 × 40 px/);
    await until('one box', async () => {
      await older.show(at(33));
      return (await page.locator('.boxes rect').count()) === 1;
    });
    same(await page.getAttribute('.boxes rect', 'x'), '33', 'its place');
    await until('no box', async () => (await page.locator('.boxes rect').count()) === 0, 6);
    same(await page.locator('.events li, .events tr').count(), rows, 'rows: nothing of that is stored');
    older.close();
  });

  await check('boxes can be switched off', async () => {
    await page.click('.switch');
    cameras[1].detect('bubble', { bbox: [10, 20, 30, 40], source: [100, 100] });
    await until('the next one in the list', async () => (await textOf(page, '.events')).includes('Bubble'));
    same(await page.locator('.boxes').count(), 0, 'boxes while switched off');
  });

  for (const camera of cameras) camera.close();
});
