// SPDX-License-Identifier: MIT
// One camera on the wall: its picture, and honest words about how new that is.
import { hubNow } from './clock.js';
import { capitalised, percentOf, rateOf, timeOf } from './format.js';
import { link } from './hub.js';
import { Badge } from './parts.js';
import { cameraHref, detectionsHref } from './route.js';
import { truthOf } from './truth.js';
import { html, useRef } from './vendor/preact.js';
import { View } from './view.js';

function Last({ row }) {
  if (row === undefined) return html`<p class="last dim">${' '}</p>`;
  if (row === null) return html`<p class="last dim">No detection yet</p>`;
  return html`<p class="last"><span class="dim">Last:</span>${' '}
    <a href=${detectionsHref({}, row.id)}>${capitalised(row.defect_type)} ${percentOf(row.confidence)}</a>
    ${' '}<time class="dim">${timeOf(Date.parse(row.detected_at))}</time></p>`;
}

// Both rates, for a view that shows fewer than come is a fact worth knowing.
export function ratesOf(stream, picture) {
  const shown = picture.current?.fps ?? null;
  return `${rateOf(stream.fps)} fps in${shown === null ? '' : `, ${rateOf(shown)} shown`}`;
}

export function Tile({ stream, fps, last }) {
  const picture = useRef(null);
  const truth = truthOf(stream, hubNow(), link.asOf);
  picture.current?.count();
  const label = `Picture of ${stream.device}: ${truth.word.toLowerCase()}, ${truth.text}`;
  return html`<li class="tile" data-state=${truth.state} data-device=${stream.device}>
    <a class="picture" href=${cameraHref(stream.device)} aria-label="Open camera ${stream.device}">
      <${View} stream=${stream} fps=${fps} picture=${picture} label=${label} />
    </a>
    <div class="facts">
      <p class="line"><a class="name" href=${cameraHref(stream.device)}>${stream.device}</a>
        <${Badge} state=${truth.state} word=${truth.word} /></p>
      <p class="line dim"><span class="detail">${truth.text}</span>
        ${truth.state === 'live' && html`<span class="rates">${ratesOf(stream, picture)}</span>`}</p>
      <${Last} row=${last} />
    </div>
  </li>`;
}
