// SPDX-License-Identifier: MIT
// build: release
//
// The list of detections: live, filtered, older ones, one of them in detail, its status.
import { Camera, check, holds, isWide, rowsOf, run, same, textOf, until } from './kit.mjs';

const heading = (page) => textOf(page, '.detail-view h1');
const focusedId = (page) => page.evaluate(() => document.activeElement?.dataset.id);

run(async (hub, browser) => {
  const camera = new Camera(hub, 'cam-7');
  const page = await browser.open(`${hub.url}/#/detections`, { expected: /status of (503|404)/ });
  const count = async (n) => until(`${n} rows`, async () => (await rowsOf(page)).length === n);

  await check('an answer that takes long is waited for in words; one that fails says so and can be tried again', async () => {
    let isSlow = true, answer = null;
    const slow = await browser.open('about:blank', { expected: /status of 500/ });
    await slow.route('**/defects?**', (route) => {
      if (isSlow) answer = () => route.fulfill({ status: 500, json: { error: 'no such table' } });
      else route.continue();
    });
    await slow.goto(`${hub.url}/#/detections`);
    await until('a skeleton', () => slow.isVisible('.waiting'));
    await until('the words', async () => (await textOf(slow, '.waiting')).includes('Still waiting for the detections'), 6);
    isSlow = false;
    await answer();
    await until('the cause', async () => (await textOf(slow, '.list .error')).includes('no such table'));
    // in one step: on a busy machine the page may ask again by itself between a look and a click
    await slow.evaluate(() => document.querySelector('.list .error button')?.click());
    await until('the list', () => slow.isVisible('.empty'));
    await slow.context().close();
  });

  await check('with none there the page says how to get one', async () => {
    await until('the empty state', () => page.isVisible('.empty'));
    holds(await page.innerText('.empty'), 'No detection is stored yet');
  });

  await check('a detection appears without a reload, the newest on top', async () => {
    await page.evaluate(() => { window.sameDocument = true; });
    camera.detect('scratch', { confidence: 0.87 });
    await count(1);
    holds((await rowsOf(page))[0], /^\d\d:\d\d:\d\d Scratch( , with a picture)? 87 % cam-7 ○? ?Pending$/);
    camera.detect('chip');
    await count(2);
    holds((await rowsOf(page))[0], 'Chip');
    same(await page.evaluate(() => window.sameDocument), true, 'same document');
  });

  await check('several in one message are listed as well', async () => {
    await fetch(`${hub.url}/api/device/detections`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'x-device-id': 'cam-8' },
      body: JSON.stringify({ detections: [{ defect_type: 'stain', confidence: 0.6 }, { defect_type: 'stain', confidence: 0.7 }] }) });
    await count(4);
  });

  for (let i = 0; i < 116; i++) {
    await hub.post({ device_id: `old-${i % 2}`, defect_type: 'bubble', detected_at: new Date(Date.now() - 3600e3 - i * 1000).toISOString(),
      image_url: i === 0 ? '/app/icon.svg' : null });
  }

  await check('older ones are fetched when asked for', async () => {
    await page.reload();
    await count(50);
    holds(await page.innerText('.total'), '120 stored');
    await page.click('.older');
    await count(100);
    await page.click('.older');
    await count(120);
    await until('the end', async () => (await textOf(page, '.end')).includes('all of them'));
  });

  await check('filters narrow the list, live rows too, and are in the address', async () => {
    await page.selectOption('select[name=device]', 'cam-7');
    await count(2);
    holds(page.url(), 'device=cam-7');
    camera.detect('crack');
    await hub.post({ device_id: 'old-1', defect_type: 'bubble' });
    await count(3);
    await page.selectOption('select[name=status]', 'resolved');
    await until('no match', () => page.isVisible('.empty'));
    const shared = await browser.open(`${hub.url}/#/detections?device=cam-7`);
    await until('the same three', async () => (await rowsOf(shared)).length === 3);
    same(await shared.inputValue('select[name=device]'), 'cam-7', 'the filter shown');
    await shared.context().close();
    await page.click('.filters >> text=Clear');
    await until('all again', async () => (await rowsOf(page)).length >= 50);
  });

  await check('a reader who has scrolled is not moved; the button brings what is new', async () => {
    await page.evaluate(() => scrollTo(0, 400));
    await page.evaluate(() => new Promise(requestAnimationFrame));
    const twelfth = () => page.$eval('.rows tbody tr:nth-child(12)', (r) => [r.innerText, r.getBoundingClientRect().top].join());
    const before = await twelfth();
    camera.detect('split');
    await until('the button', () => page.isVisible('.pill'));
    same(await page.innerText('.pill'), '1 new', 'its words');
    same(await twelfth(), before, 'the twelfth row');
    await browser.shot(page, 'list-held');
    await page.click('.pill');
    await until('the new row on top', async () => (await rowsOf(page))[0].includes('Split'));
    same(await page.evaluate(() => scrollY), 0, 'place');
  });

  await check('by keyboard: j and k move, Enter opens, arrows step, Esc closes', async () => {
    await page.keyboard.press('j');
    const first = await until('a row with focus', () => focusedId(page));
    await page.keyboard.press('ArrowDown');
    const second = await until('the next one', async () => (await focusedId(page)) !== first && focusedId(page));
    await page.keyboard.press('k');
    await until('back', async () => (await focusedId(page)) === first);
    await page.keyboard.press('Enter');
    await until('its detail', async () => page.url().includes(first) && (await heading(page)) === 'Split');
    await page.keyboard.press('j');
    await until('the next detail', () => page.isVisible(`tr[aria-current] a[data-id="${second}"]`));
    await page.keyboard.press('ArrowLeft');
    await until('the one before', () => page.isVisible(`tr[aria-current] a[data-id="${first}"]`));
    await page.keyboard.press('Escape');
    await until('the list alone', async () => (await page.locator('.detail-view').count()) === 0);
    await until('focus where it was', async () => (await focusedId(page)) === first);
  });

  await check('the detail shows what is stored, with its picture', async () => {
    const { data } = await hub.ask('/defects?deviceId=old-0&limit=50');
    const row = data.find((r) => r.image_url);
    await page.goto(`${hub.url}/#/detections/${row.id}`);
    await until('the picture', () => page.$eval('.detail-view img', (i) => i.complete && i.naturalWidth > 0).catch(() => false));
    const text = await page.innerText('.detail-view');
    holds(text, /Bubble/);
    holds(text, /Confidence\s+80 %/);
    holds(text, row.id);
    same(await page.getAttribute('.detail-view .image', 'href'), `${hub.url}/app/icon.svg`, 'link to the full picture');
    await browser.shot(page, 'detail');
  });

  await check('a picture taken from the stream is shown, and called that', async () => {
    const row = await until('one with a picture', async () =>
      (await hub.ask('/defects?deviceId=cam-7')).data.find((r) => r.image_source === 'stream'));
    await page.goto(`${hub.url}/#/detections/${row.id}`);
    await until('the words', async () => (await textOf(page, '.detail-view')).includes('Taken from the stream'));
    await until('the picture', () => page.$eval('.detail-view img', (i) => i.complete && i.naturalWidth > 0).catch(() => false));
    await page.goBack();
  });

  await check('its status is changed, stored, and seen at once by others', async () => {
    const other = await browser.open(`${hub.url}/#/detections?device=old-0`);
    await until('rows', async () => (await rowsOf(other)).length === 50);
    await page.click('.statuses button[data-status=reviewed]');
    await until('the result', async () => (await textOf(page, '.said')) === 'Marked as reviewed.');
    const id = page.url().match(/detections\/([^?]+)/)[1];
    same((await hub.ask(`/defects/${id}`)).status, 'reviewed', 'stored');
    await until('the other page', async () => (await textOf(other, `tr:has(a[data-id="${id}"])`)).includes('Reviewed'));
    await other.context().close();
  });

  await check('a change that fails says why and can be tried again', async () => {
    await page.route('**/defects/*', (route) => (route.request().method() === 'PATCH'
      ? route.fulfill({ status: 503, json: { error: 'the disk is full' } }) : route.continue()));
    await page.click('.statuses button[data-status=resolved]');
    await until('the cause', async () => (await textOf(page, '.detail-view .error')).includes('the disk is full'));
    holds(await page.getAttribute('.statuses button[data-status=reviewed]', 'aria-pressed'), 'true');
    await page.unroute('**/defects/*');
    await page.click('.detail-view .error button');
    await until('the result', async () => (await textOf(page, '.said')) === 'Marked as resolved.');
  });

  await check('what was removed is gone, and its address says so', async () => {
    const id = page.url().match(/detections\/([^?]+)/)[1];
    await hub.ask(`/defects/${id}`, 'DELETE');
    await page.goto(`${hub.url}/#/detections`);
    const shared = await browser.open(`${hub.url}/#/detections/${id}`, { expected: /status of 404/ });
    await until('the answer', async () => (await textOf(shared, '.detail-view')).includes('Defect not found'));
    await shared.context().close();
  });

  await check('on a phone rows are cards, a detail covers the list, and back is where one was', async () => {
    const phone = await browser.open(`${hub.url}/#/detections`, { width: 390, height: 844, colorScheme: 'light' });
    await until('rows', async () => (await rowsOf(phone)).length === 50);
    if (await isWide(phone)) throw new Error('the list scrolls sideways');
    await phone.evaluate(() => scrollTo(0, 900));
    await browser.shot(phone, 'phone-list');
    await until('the place kept', () => phone.evaluate(() => scrollY === 900));
    await phone.locator('.rows tbody tr').nth(18).click();
    await until('the detail alone', async () => (await phone.isVisible('.detail-view')) && !(await phone.isVisible('.list')));
    if (await isWide(phone)) throw new Error('the detail scrolls sideways');
    await browser.shot(phone, 'phone-detail');
    await phone.goBack();
    await until('the list where it was', () => phone.evaluate(() => Math.abs(scrollY - 900) < 3));
    for (const width of [360, 320]) {
      await phone.setViewportSize({ width, height: 700 });
      if (await isWide(phone)) throw new Error(`the list scrolls sideways at ${width} px`);
    }
    await phone.context().close();
  });

  await check('more than can be kept, while somebody reads: the list begins anew, nothing is missing in between', async () => {
    const reader = await browser.open(`${hub.url}/#/detections`);
    await until('rows', async () => (await rowsOf(reader)).length === 50);
    await reader.evaluate(() => scrollTo(0, 400));
    for (let i = 0; i < 1100; i++) camera.detect(`burst-${i}`, { timestamp: new Date(Date.now() + i).toISOString() });
    await until('as many as are kept', async () => (await textOf(reader, '.pill')) === '1,000 new', 40);
    await reader.click('.pill');
    await until('the newest on top', async () => (await rowsOf(reader))[0].includes('Burst-1099'));
    const types = (await rowsOf(reader)).map((r) => r.match(/Burst-(\d+)/)?.[1]);
    same(types.length, 1000, 'rows');
    same(types.join(), Array.from({ length: 1000 }, (_, i) => 1099 - i).join(), 'order');
    await reader.context().close();
  });
  camera.close();
});
