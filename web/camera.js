// SPDX-License-Identifier: MIT
// One camera, large: its picture with boxes, what it found, and how it is connected.
import { useBoxes } from './boxes.js';
import { hubNow } from './clock.js';
import { Rows } from './rows.js';
import { ageOf, numberOf, percentOf, spanOf, timeOf } from './format.js';
import { link, listOf, streams } from './hub.js';
import { Badge, ErrorNote, Waiting } from './parts.js';
import { isSaving, prefs, usePref } from './prefs.js';
import { cameraHref, detectionsHref } from './route.js';
import { tick, useSource } from './source.js';
import { ratesOf } from './tile.js';
import { truthOf } from './truth.js';
import { html, useRef } from './vendor/preact.js';
import { View } from './view.js';

const WIRES = { http: 'HTTP', websocket: 'WebSocket', 'socket.io': 'Socket.IO' };
const FULL_FPS = 60;
const LABEL_PX = 14;
const SAVER_FPS = 10; // one camera was chosen: that is worth more than a tile

function Boxes({ boxes, size }) {
  const svg = useRef(null);
  const [w, h] = boxes[0]?.source ?? size ?? [1, 1];
  const shown = svg.current ? Math.min(svg.current.clientWidth / w, svg.current.clientHeight / h) : 1;
  const text = LABEL_PX / shown; // readable however small the picture is shown
  return html`<svg ref=${svg} class="boxes" viewBox="0 0 ${w} ${h}" preserveAspectRatio="xMidYMid meet" aria-hidden="true">
    ${boxes.map((b) => html`<g key=${b.key}>
      <rect x=${b.bbox[0]} y=${b.bbox[1]} width=${b.bbox[2]} height=${b.bbox[3]} vector-effect="non-scaling-stroke" />
      <text x=${b.bbox[0]} y=${Math.max(text, b.bbox[1] - text / 3)} font-size=${text}>${b.label} ${percentOf(b.confidence)}</text>
    </g>`)}</svg>`;
}

// The same in words, for who can not see the boxes.
const BoxWords = ({ boxes }) => html`<div class="box-words">
  <h2>In the picture now</h2>
  ${boxes.length === 0 ? html`<p class="dim">Nothing was marked in the last 2 s.</p>`
    : html`<ul>${boxes.map((b) => html`<li key=${b.key}>${b.label} ${percentOf(b.confidence)}
      <span class="dim"> at ${b.bbox[0]}, ${b.bbox[1]}; ${b.bbox[2]} × ${b.bbox[3]} px</span></li>`)}</ul>`}
</div>`;

function factsOf(stream, truth, picture) {
  const newest = stream.frameAt === null ? 'never' : truth.age === null ? timeOf(stream.frameAt)
    : `${timeOf(stream.frameAt)}, ${ageOf(truth.age)} ago`;
  return [
    [stream.connected ? 'Connected since' : 'Not connected since',
      `${timeOf(stream.since)}, for ${spanOf(hubNow() - stream.since)}`],
    ['Wire', WIRES[stream.wire] ?? stream.wire ?? '–'],
    ['From', stream.peer ?? '–'],
    ['Newest picture', newest],
    ['Pictures', ratesOf(stream, picture)],
    ['Picture size', stream.size ? `${stream.size[0]} × ${stream.size[1]} px, ${numberOf(Math.round((stream.last?.bytes.length ?? 0) / 1024))} KiB` : '–'],
  ];
}

const Facts = ({ rows }) => html`<dl class="facts-list">
  ${rows.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

function Stage({ stream }) {
  const picture = useRef(null), boxes = useBoxes(stream.device), shows = usePref('boxes', true);
  const truth = truthOf(stream, hubNow(), link.asOf);
  const name = encodeURIComponent(stream.device);
  picture.current?.count();
  return html`<section class="stage" data-state=${truth.state} aria-label="Picture">
      <div class="picture">
        <${View} stream=${stream} fps=${isSaving() ? SAVER_FPS : FULL_FPS} picture=${picture}
          label="Picture of ${stream.device}: ${truth.word.toLowerCase()}, ${truth.text}">
          ${shows && html`<${Boxes} boxes=${boxes} size=${stream.size} />`}
        <//>
      </div>
      <div class="stage-line">
        <${Badge} state=${truth.state} word=${truth.word} /><span class="detail">${truth.text}</span>
        <label class="switch"><input type="checkbox" checked=${shows}
          onChange=${() => prefs.set('boxes', !shows)} /> Boxes</label>
        <a href="/live/${name}.jpg" target="_blank" rel="noopener" title="The newest picture as a file" >.jpg</a>
        <a href="/live/${name}.mjpg" target="_blank" rel="noopener" title="The live picture for other programs">.mjpg</a>
      </div>
    </section>
    <section class="aside" aria-label="Facts">
      ${shows && html`<${BoxWords} boxes=${boxes} />`}
      <h2>Connection</h2>
      <${Facts} rows=${factsOf(stream, truth, picture)} />
    </section>`;
}

function Events({ device }) {
  const list = useSource(listOf({ device }));
  const rows = list.rows.slice(0, 50);
  return html`<section class="events" aria-labelledby="events-title">
    <h2 id="events-title">Last detections <span class="dim">${list.total > rows.length
      ? html`${rows.length} of <a href=${detectionsHref({ device })}>${numberOf(list.total)}</a>` : list.isLoaded ? rows.length : ''}</span></h2>
    ${list.error && html`<${ErrorNote} error=${list.error} retry=${() => list.load()} />`}
    ${!list.isLoaded && !list.error ? html`<${Waiting} what="the detections of ${device}" />`
      : rows.length === 0 ? html`<p class="dim">This camera has reported none yet. Each one is kept and appears here at once.</p>`
        : html`<${Rows} rows=${rows} fresh=${list.fresh} hrefOf=${(row) => detectionsHref({ device }, row.id)} hasDevice=${false} />`}
  </section>`;
}

export function Camera({ device }) {
  useSource(tick);
  useSource(prefs);
  useSource(link);
  useSource(streams);
  const stream = streams.find(device);
  const names = streams.list.map((s) => s.device), at = names.indexOf(device);
  const other = (step) => names[(at + step + names.length) % names.length];
  return html`<div class="head">
      <p class="crumb"><a href="#/">Live</a> <span aria-hidden="true">/</span></p>
      <h1>${device}</h1>
      ${at >= 0 && names.length > 1 && html`<p class="pager"><a class="plain" href=${cameraHref(other(-1))} aria-label="Camera before: ${other(-1)}">‹ ${other(-1)}</a>
        <a class="plain" href=${cameraHref(other(1))} aria-label="Next camera: ${other(1)}">${other(1)} ›</a></p>`}
    </div>
    <div class="camera">
      ${stream ? html`<${Stage} key=${device} stream=${stream} />`
        : !streams.settled ? html`<${Waiting} what="the camera ${device}" rows=${6} />`
          : html`<div class="note"><p><strong>The hub knows no camera “${device}”.</strong> It appears here as soon as it
            registers by that name; after a restart of the hub, when it calls again. <a href="#/">All cameras</a></p></div>`}
      <${Events} device=${device} />
    </div>`;
}
