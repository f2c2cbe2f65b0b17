// SPDX-License-Identifier: MIT
// build: release
//
// What can be measured of how it looks: contrast (WCAG 2.2, 1.4.3), targets of 24 px (2.5.8), no
// sideways scrolling on a phone, and how much the first view weighs.
import { Camera, check, rowsOf, run, stateOf, until } from './kit.mjs';

const FIRST_VIEW_MAX = 150 * 1024;

// In the page: texts whose contrast with what lies behind them is too low.
function faintTexts() {
  const parse = (text) => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.6) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const e of document.querySelectorAll('body *')) {
    const style = getComputedStyle(e), box = e.getBoundingClientRect();
    const own = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data.trim()).join('');
    if (!own || box.width < 2 || style.visibility === 'hidden' || e.closest('svg, :disabled, [aria-disabled]')) continue;
    const [a, b] = [light(parse(style.color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)} "${own.slice(0, 40)}" <${e.tagName} class="${e.className}">`);
  }
  return faint;
}

// Links within sentences are excepted (2.5.8, inline).
function smallTargets() {
  return [...document.querySelectorAll('button, select, label.switch, a.plain, nav a, .brand, .tile a, .stage-line a')]
    .map((e) => [e, e.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0 && (box.height < 23.9 || box.width < 23.9))
    .map(([e, box]) => `${Math.round(box.width)} x ${Math.round(box.height)} ${e.outerHTML.slice(0, 80)}`);
}

// What is wider than the window, if that can be scrolled sideways.
function sticksOut() {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5)
    .slice(0, 3).map((e) => `sideways: ${e.outerHTML.slice(0, 90)}`);
}

// Words that do not fit their button.
function tightButtons() {
  return [...document.querySelectorAll('button, a.plain')].filter((e) => e.scrollWidth > e.clientWidth + 1)
    .map((e) => `too tight: ${e.innerText}`);
}

run(async (hub, browser) => {
  const page = await browser.open('about:blank', { width: 390, height: 844 });
  const look = async (view) => {
    for (const colorScheme of ['dark', 'light']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const width of [1280, 390, 360, 320]) {
        await page.setViewportSize({ width, height: 844 });
        const wrong = [];
        for (const find of [faintTexts, smallTargets, sticksOut, tightButtons]) wrong.push(...await page.evaluate(find));
        if (wrong.length) throw new Error(`${view}, ${colorScheme}, ${width} px:\n${wrong.join('\n')}`);
        await browser.shot(page, `looks-${view}-${colorScheme}-${width}`);
      }
    }
  };

  await check('the first view is light', async () => {
    const network = await page.context().newCDPSession(page);
    let bytes = 0;
    await network.send('Network.enable');
    network.on('Network.loadingFinished', (e) => { bytes += e.encodedDataLength; });
    await page.goto(`${hub.url}/`);
    await until('the first-run view', () => page.isVisible('.first-run'));
    console.log(`# ${(bytes / 1024).toFixed(1)} KiB`);
    if (bytes < 10000 || bytes > FIRST_VIEW_MAX) throw new Error(`${bytes} bytes`);
  });
  await check('first run', () => look('first-run'));
  await check('the theme can be chosen, and is remembered', async () => {
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await back();
    await page.click('.theme');
    const light = await until('another colour', async () => (await back()) !== dark && back());
    await page.reload();
    await until('the same after a reload', async () => (await back()) === light);
    await page.click('.theme');
    await page.click('.theme');
    await page.emulateMedia({ colorScheme: 'light' });
    await until('the system’s again', async () => (await back()) === light);
  });
  await page.goto(`${hub.url}/#/detections`);
  await check('no detection', async () => {
    await until('the empty state', () => page.isVisible('.empty'));
    await look('empty');
  });

  const camera = new Camera(hub, 'cam-1'), other = new Camera(hub, 'a-camera-with-a-long-name-on-line-2');
  for (const status of ['pending', 'reviewed', 'resolved']) {
    await hub.post({ defect_type: 'scratch', status, device_id: 'a-camera-with-a-long-name-on-line-2' });
    await hub.post({ defect_type: 'a_defect_with_a_name_that_is_long', status, detected_at: '2026-03-01T09:30:00Z', notes: 'Confidence: 87.00%' });
  }
  const { data: [row] } = await hub.ask('/defects?deviceId=cam-1');
  await check('the wall, with one camera offline', async () => {
    await page.goto(`${hub.url}/#/`);
    await until('a live tile', async () => (await stateOf(page, 'a-camera-with-a-long-name-on-line-2')) === 'live');
    other.close();
    await until('an offline one', async () => (await stateOf(page, 'a-camera-with-a-long-name-on-line-2')) === 'off');
    await look('wall');
  });
  await check('the camera', async () => {
    await page.goto(`${hub.url}/#/camera/cam-1`);
    await until('rows', async () => (await page.locator('.events tbody tr').count()) === 3);
    await look('camera');
  });
  await check('the list', async () => {
    await page.goto(`${hub.url}/#/detections`);
    await until('rows', async () => (await rowsOf(page)).length === 6);
    await look('list');
  });
  await check('the detail', async () => {
    await page.goto(`${hub.url}/#/detections/${row.id}`);
    await until('its facts', () => page.isVisible('.detail-view dl'));
    await look('detail');
  });
  await check('who is knocking', async () => {
    await fetch(`${hub.url}/no/such/path/and-one-that-is-long`);
    await page.goto(`${hub.url}/#/knocking`);
    await until('a cause', () => page.isVisible('.knock'));
    await look('knocking');
  });
  await check('who is connected', async () => {
    await page.goto(`${hub.url}/#/connections`);
    await until('rows', async () => (await page.locator('.peers tbody tr').count()) >= 3);
    await until('lines', async () => (await page.locator('.tail-lines li').count()) >= 1);
    await look('connections');
  });
  await check('the hub gone', async () => {
    await hub.stop('SIGKILL');
    await until('the bar', () => page.isVisible('#bar'));
    await look('gone');
  });
  camera.close();
});
