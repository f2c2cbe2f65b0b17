// SPDX-License-Identifier: MIT
// build: release
//
// Eight cameras on the wall: what the page holds does not grow. The usual run is a short one; for
// a long look: SLUICE_MEMORY_MINUTES=30 node tests/browser/memory.test.mjs
import { readFileSync } from 'node:fs';
import { Camera, check, run, until } from './kit.mjs';

const MINUTES = Number(process.env.SLUICE_MEMORY_MINUTES ?? 0);
const WARM_FRAMES = 400, FRAMES = 1200;
const HEAP_MAX_KB = 2000, RSS_MAX_KB = 40000;

const drawn = (page) => page.evaluate(() => window.drawn);

// Private memory of all the browser's renderers, KiB.
async function rss(session) {
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  return processInfo.filter((p) => p.type === 'renderer').reduce((sum, p) =>
    sum + Number(readFileSync(`/proc/${p.id}/status`, 'utf8').match(/RssAnon:\s+(\d+)/)[1]), 0);
}

run(async (hub, browser) => {
  const cameras = Array.from({ length: 8 }, (_, n) => new Camera(hub, `line-${n}`, { bytes: 60000 }));
  const page = await browser.open(`${hub.url}/`, { before: (p) => p.addInitScript(() => {
    window.drawn = 0;
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    CanvasRenderingContext2D.prototype.drawImage = function (...args) {
      window.drawn++;
      return draw.apply(this, args);
    };
  }) });
  const tab = await page.context().newCDPSession(page), all = await browser.browser.newBrowserCDPSession();
  const measure = async () => {
    await tab.send('HeapProfiler.collectGarbage');
    const { usedSize } = await tab.send('Runtime.getHeapUsage');
    const { nodes } = await tab.send('Memory.getDOMCounters');
    return { heap: Math.round(usedSize / 1024), rss: await rss(all), nodes };
  };

  await check('eight cameras are drawn and nothing grows', async () => {
    await until('the first pictures', async () => (await drawn(page)) > WARM_FRAMES, 60);
    const before = await measure(), from = await drawn(page), began = Date.now();
    await until('many more', async () => (await drawn(page)) > from + FRAMES && Date.now() - began > MINUTES * 60e3, 60 + MINUTES * 90);
    const after = await measure(), seconds = (Date.now() - began) / 1000;
    console.log(`# ${(await drawn(page)) - from} pictures in ${seconds.toFixed(0)} s; KiB of heap ${before.heap} -> ${after.heap},`
      + ` of the renderer ${before.rss} -> ${after.rss}; nodes ${before.nodes} -> ${after.nodes}`);
    if (after.heap - before.heap > HEAP_MAX_KB) throw new Error(`the heap grew by ${after.heap - before.heap} KiB`);
    if (after.rss - before.rss > RSS_MAX_KB) throw new Error(`the renderer grew by ${after.rss - before.rss} KiB`);
    if (after.nodes > before.nodes + 50) throw new Error(`${after.nodes - before.nodes} nodes more`);
  });
  for (const camera of cameras) camera.close();
});
