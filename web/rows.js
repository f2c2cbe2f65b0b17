// SPDX-License-Identifier: MIT
// Detections as a table, which the style sheet turns into cards on a phone.
import { capitalised, clockOf, percentOf } from './format.js';
import { html } from './vendor/preact.js';

const dayOf = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' });

export const Status = ({ status }) => html`<span class="status" data-status=${status}>
  <span class="icon" aria-hidden="true"></span>${capitalised(status)}</span>`;

function When({ row }) {
  const at = Date.parse(row.detected_at), isToday = new Date(at).toDateString() === new Date().toDateString();
  return html`<time datetime=${row.detected_at}>${!Number.isNaN(at) && !isToday
    && html`<span class="dim">${dayOf.format(at)} </span>`}${clockOf(at)}</time>`;
}

export const Rows = ({ rows, fresh, hrefOf, selected, hasDevice = true }) => html`<table class="rows">
  <thead><tr><th scope="col" class="when">Time</th><th scope="col">Type</th><th scope="col" class="number sure">Confidence</th>
    ${hasDevice && html`<th scope="col">Camera</th>`}<th scope="col" class="state">Status</th></tr></thead>
  <tbody>${rows.map((row) => html`<tr key=${row.id} class=${fresh.has(row.id) ? 'new' : ''} aria-current=${row.id === selected ? 'true' : undefined}>
    <td class="when"><${When} row=${row} /></td>
    <td class="type"><a href=${hrefOf(row)} data-id=${row.id}>${capitalised(row.defect_type)}</a>
      ${row.image_url && html`<span class="has-image" title="with a picture"><span class="unseen">, with a picture</span></span>`}</td>
    <td class="number sure">${percentOf(row.confidence)}</td>
    ${hasDevice && html`<td class="where">${row.device_id || '–'}</td>`}
    <td class="state"><${Status} status=${row.status} /></td>
  </tr>`)}</tbody>
</table>`;
