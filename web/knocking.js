// SPDX-License-Identifier: MIT
// Who is knocking: what led nowhere, by its cause, with the cure in plain sight.
import { hubNow } from './clock.js';
import { dateAndTime, numberOf, plural, spanOf } from './format.js';
import { knocks, link } from './hub.js';
import { Badge, ErrorNote, Waiting } from './parts.js';
import { tick, useSource } from './source.js';
import { html, useEffect, useState } from './vendor/preact.js';

const WORDS = { error: ['off', 'Needs a change'], warn: ['stale', 'Loses something'], note: ['wait', 'Worth a look'] };
const ROWS = 8; // of one cause, before somebody asks for the rest

const Row = ({ row }) => html`<tr>
  <td class="type">${row.address || 'unknown'}</td>
  <td class="where">${row.path && html`<code>${row.path}</code> `}<span class="dim">${row.detail || (row.path ? '' : '–')}</span></td>
  <td class="number sure">${numberOf(row.count)}<span class="times"> ×</span></td>
  <td class="when"><time datetime=${new Date(row.last_us / 1000).toISOString()}
    title="${dateAndTime(row.last_us / 1000)}, first ${dateAndTime(row.first_us / 1000)}">${spanOf(hubNow() - row.last_us / 1000)} ago</time></td>
</tr>`;

function Cause({ group }) {
  const [isWhole, setWhole] = useState(false);
  const [state, word] = WORDS[group.severity] ?? WORDS.note;
  const rows = isWhole ? group.rows : group.rows.slice(0, ROWS);
  return html`<section class="knock" data-reason=${group.reason}>
    <h2>${group.cause}</h2>
    <p class="knock-facts"><${Badge} state=${state} word=${word} /> <span class="dim">${plural(group.count, 'time', 'times')}</span></p>
    <p class="cure"><strong>What helps:</strong> ${group.cure.replaceAll('ws://HUB', `ws://${location.host}`)}</p>
    <div class="list"><table class="rows knock-rows">
      <thead><tr><th scope="col" class="type">From</th><th scope="col" class="where">Where, what</th>
        <th scope="col" class="number sure">Times</th><th scope="col" class="when">Last</th></tr></thead>
      <tbody>${rows.map((row) => html`<${Row} key=${`${row.address} ${row.path}`} row=${row} />`)}</tbody>
    </table></div>
    ${rows.length < group.rows.length && html`<button type="button" class="plain" onClick=${() => setWhole(true)}>
      ${plural(group.rows.length - rows.length, 'more', 'more')}</button>`}
  </section>`;
}

const Empty = () => html`<div class="empty">
  <p><strong>Nobody has knocked in vain.</strong> Whoever tries to talk to this hub and fails, because of a wrong path,
    a missing field or a proxy in between, is listed here with the cause and what helps.</p>
</div>`;

export function Knocking() {
  useSource(tick);
  useSource(link);
  const { rows, causes, isLoaded, error } = useSource(knocks);
  useEffect(() => knocks.watch(), []);
  const retry = () => knocks.load();
  return html`<div class="knocking">
    <div class="head"><h1>Who is knocking</h1>
      <p class="dim total">${isLoaded && rows.length > 0 ? `${plural(rows.length, 'entry', 'entries')} since the hub’s start` : ''}</p></div>
    ${error && html`<${ErrorNote} error=${error} retry=${retry} />`}
    ${!isLoaded && !error && html`<${Waiting} what="the list" />`}
    ${isLoaded && rows.length === 0 && html`<${Empty} />`}
    ${causes.map((group) => html`<${Cause} key=${group.key} group=${group} />`)}
  </div>`;
}
