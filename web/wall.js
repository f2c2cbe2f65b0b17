// SPDX-License-Identifier: MIT
// All cameras at a glance.
import { hubNow } from './clock.js';
import { FirstRun } from './firstrun.js';
import { plural } from './format.js';
import { link, listOf, streams } from './hub.js';
import { useLast } from './last.js';
import { Waiting } from './parts.js';
import { isSaving, prefs } from './prefs.js';
import { detectionsHref } from './route.js';
import { Rows } from './rows.js';
import { tick, useSource } from './source.js';
import { Tile } from './tile.js';
import { truthOf } from './truth.js';
import { html } from './vendor/preact.js';

const SAVER_FPS = 2;
const LAST_MAX = 64; // tiles that ask for their last detection
const LATEST = 12;

// No tile needs more than an eye takes in beside the others.
function fpsFor(tiles) {
  if (isSaving()) return SAVER_FPS;
  return tiles === 1 ? 30 : tiles <= 4 ? 15 : 10;
}

function Saver({ fps }) {
  const on = isSaving();
  return html`<button type="button" class="plain" aria-pressed=${on} onClick=${() => prefs.set('saver', !on)}
    title="Fewer pictures per second: for phone data and slow links">
    Saver ${on ? 'on' : 'off'}<span class="dim">${fps} fps</span></button>`;
}

function sums(list) {
  const count = {};
  for (const stream of list) {
    const { state } = truthOf(stream, hubNow(), link.asOf);
    count[state] = (count[state] ?? 0) + 1;
  }
  const words = [['live', 'live'], ['stale', 'stale'], ['wait', 'waiting'], ['off', 'offline'], ['unknown', 'unknown']];
  return words.filter(([state]) => count[state]).map(([state, word]) => `${count[state]} ${word}`).join(', ');
}

// A lone camera leaves room beside it.
const Latest = ({ list }) => list.rows.length > 0 && html`<section class="latest" aria-label="Latest detections">
  <${Rows} rows=${list.rows.slice(0, LATEST)} fresh=${list.fresh} hrefOf=${(row) => detectionsHref({}, row.id)} hasDevice=${false} />
</section>`;

export function Wall() {
  useSource(tick);
  useSource(prefs);
  useSource(link);
  const list = useSource(streams).list, fps = fpsFor(list.length);
  const detections = useSource(listOf({}));
  const lastOf = useLast(list.slice(0, LAST_MAX).map((s) => s.device));
  if (list.length === 0) {
    if (!streams.settled || !detections.isLoaded) {
      return html`<h1 class="unseen">Live wall</h1><${Waiting} what="the hub’s cameras" />`;
    }
    return html`<${FirstRun} hasDetections=${detections.total > 0} />`;
  }
  return html`<div class="head">
      <h1>Live</h1>
      <p class="dim sums-line">${plural(list.length, 'camera', 'cameras')}: ${sums(list)}</p>
      <${Saver} fps=${fps} />
    </div>
    <div class=${list.length === 1 ? 'lone' : ''}>
      <ul class="wall" data-count=${Math.min(list.length, 4)}>
        ${list.map((s) => html`<${Tile} key=${`${s.system} ${s.device}`} stream=${s} fps=${fps} last=${lastOf(s.device)} />`)}
      </ul>
      ${list.length === 1 && html`<${Latest} list=${detections} />`}
    </div>`;
}
