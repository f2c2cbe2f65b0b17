// SPDX-License-Identifier: MIT
// build: release
//
// The hub goes and comes back: the page says so meanwhile, stays readable, and returns by itself.
import { Camera, check, holds, rowsOf, run, same, seeMotion, stateOf, textOf, until } from './kit.mjs';

const bar = (page) => textOf(page, '#bar');
const SENTENCE = 'Cannot connect to backend for live stream';

// While `isBlocked` this page's live wire leads nowhere, as behind a proxy that knows no upgrades.
const guard = (page, isBlocked) => page.addInitScript((blocked) => {
  const Real = WebSocket;
  window.isBlocked = blocked;
  window.WebSocket = class extends Real {
    constructor(url, protocols) {
      super(window.isBlocked ? 'ws://127.0.0.1:1/' : url, protocols);
      window.newest = this;
    }
  };
}, isBlocked);

run(async (hub, browser) => {
  let camera = new Camera(hub, 'cam-7');
  const { id } = await hub.post({ defect_type: 'scratch' });
  const page = await browser.open(`${hub.url}/#/detections/${id}`);
  const show = (hash) => page.evaluate((h) => { location.hash = h; }, hash); // as links do
  const resolved = '.statuses button[data-status=resolved]';

  await check('all is well', async () => {
    await until('a row', async () => (await rowsOf(page)).length === 1);
    await until('its detail', () => page.isVisible(`${resolved}:enabled`));
    await show('#/');
    await until('a live tile', async () => (await stateOf(page, 'cam-7')) === 'live');
    same(await bar(page), '', 'the bar');
    await page.evaluate(() => { window.sameDocument = true; });
  });

  await check('when the hub is killed the page says so, and as of when', async () => {
    await hub.stop('SIGKILL');
    camera.close();
    await until('the bar', async () => (await bar(page)).includes('does not answer'));
    holds(await bar(page), SENTENCE);
    holds(await bar(page), /what was at \d\d:\d\d:\d\d/);
    await until('a try that failed', async () => /attempt [2-9] failed, next try in \d s/.test(await bar(page)));
    same(await stateOf(page, 'cam-7'), 'unknown', 'the tile');
    holds(await page.innerText('.tile'), /as of \d\d:\d\d:\d\d/);
    await browser.shot(page, 'hub-gone');
  });

  await check('the list stays readable; what can not be done is switched off, with the reason', async () => {
    await show(`#/detections/${id}`);
    await until('the row', async () => (await rowsOf(page)).length === 1);
    await until('no buttons', () => page.isVisible(`.statuses:disabled ${resolved.slice(10)}`));
    holds(await page.innerText('.said'), 'The hub does not answer');
    await browser.shot(page, 'hub-gone-detail');
  });

  await check('after the restart everything returns by itself', async () => {
    await hub.start();
    camera = new Camera(hub, 'cam-7');
    await until('no bar', async () => (await bar(page)) === '');
    await page.click(resolved);
    await until('the change', async () => (await textOf(page, '.said')) === 'Marked as resolved.');
    camera.detect('chip');
    await until('the next one, held while a detail is read', () => page.isVisible('.pill'));
    await show('#/');
    await until('a live tile', async () => (await stateOf(page, 'cam-7')) === 'live');
    await seeMotion(page, '.tile');
    same(await page.evaluate(() => window.sameDocument), true, 'same document');
    await page.context().close();
  });

  await check('when only the live stream is refused, the list and its status still work', async () => {
    const half = await browser.open(`${hub.url}/#/detections`, { before: (p) => guard(p, true) });
    await until('the bar', async () => (await bar(half)).includes('still work'));
    holds(await bar(half), SENTENCE);
    await until('the history', async () => (await rowsOf(half)).length === 2);
    await hub.post({ defect_type: 'bubble' });
    await until('one stored since, by HTTP', async () => (await rowsOf(half)).length === 3, 8);
    await half.click('.rows tbody tr');
    await half.click('.statuses button[data-status=reviewed]');
    await until('the change', async () => (await textOf(half, '.said')) === 'Marked as reviewed.');
    await half.evaluate(() => { window.isBlocked = false; });
    await half.click('#bar button');
    await until('no bar', async () => (await bar(half)) === '');
    await half.context().close();
  });

  await check('what was missed is fetched from history, and the reader told', async () => {
    const away = await browser.open(`${hub.url}/#/detections`, { before: (p) => guard(p, false) });
    await until('the history', async () => (await rowsOf(away)).length === 3);
    await away.route('**/health', (route) => route.abort('connectionrefused'));
    await away.evaluate(() => {
      window.isBlocked = true;
      window.newest.close();
    });
    await until('the bar', async () => (await bar(away)).includes('does not answer'));
    await hub.post({ defect_type: 'stain' });
    await hub.post({ defect_type: 'stain' });
    await away.evaluate(() => { window.isBlocked = false; });
    await until('both', async () => (await rowsOf(away)).length === 5);
    holds(await away.innerText('.list .note'), /2 detections .* fetched\s+from history/);
    await away.context().close();
  });

  await check('open access is said on every view', async () => {
    const open = await browser.open('about:blank');
    await open.route('**/health', (route) => route.fulfill({ json: { ok: true, status: 'ok', access: 'open' } }));
    await open.goto(`${hub.url}/#/detections`);
    await until('the warning', async () => (await textOf(open, '.bar.open')).includes('Open access'));
    await open.context().close();
  });
  camera.close();
});
