// SPDX-License-Identifier: MIT
// Who is connected: each connection with what waits for it and what it has lost, and an end for one.
import { bytesOf, dateAndTime, numberOf, plural, spanOf } from './format.js';
import { link, peers } from './hub.js';
import { ErrorNote, Waiting } from './parts.js';
import { connectionsHref, go } from './route.js';
import { useSource } from './source.js';
import { TailView } from './tail.js';
import { html, useEffect, useRef, useState } from './vendor/preact.js';

const TYPED_MS = 250;
const SHOWN = 200; // rows, before somebody asks for the rest

const KINDS = [['', 'All that stay open'], ['websocket', 'WebSocket'], ['polling', 'Long polling'], ['sse', 'Event stream'],
  ['mjpeg', 'Moving pictures'], ['http', 'Plain requests'], ['any', 'Everything']];
const WORDS = Object.fromEntries(KINDS.slice(1, 6));

// By what it may be sorted: how a row is compared, and which end is first.
// A browser says a line of history about itself: what people call it is enough. The whole is a tooltip.
function agentOf(text) {
  if (!text?.startsWith('Mozilla/')) return text;
  const found = [['Edg', 'Edge'], ['OPR', 'Opera'], ['Firefox', 'Firefox'], ['HeadlessChrome', 'Chrome'], ['Chrome', 'Chrome'], ['Version', 'Safari']]
    .map(([key, word]) => [word, text.match(new RegExp(`${key}/(\\d+)`))?.[1]]).find(([, version]) => version);
  const system = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS X', 'Linux'].find((word) => text.includes(word));
  return found ? `${found.join(' ')}${system ? `, ${system}` : ''}` : text;
}

const nameOf = (row) => row.device ?? agentOf(row.agent) ?? row.address;
const SORTS = {
  who: { word: 'Who', of: (row) => nameOf(row).toLowerCase(), up: true },
  since: { word: 'Since', of: (row) => row.since_us ?? 0 },
  rtt: { word: 'Round trip', of: (row) => row.rtt_ms ?? -1 },
  queue: { word: 'Waiting', of: (row) => row.queued_bytes + (row.unsent_bytes ?? 0) },
  drops: { word: 'Dropped', of: (row) => row.drops.conflated },
  in: { word: 'In', of: (row) => row.bytes_in ?? -1 },
  out: { word: 'Out', of: (row) => row.bytes_out ?? -1 },
};

function sorted(rows, name) {
  const { of, up } = SORTS[name] ?? SORTS.since;
  const sign = up ? 1 : -1;
  return [...rows].sort((a, b) => { // equal ones stay in their order: nothing jumps at each reading
    const x = of(a), y = of(b);
    return x < y ? -sign : x > y ? sign : a.id < b.id ? -1 : 1;
  });
}

const msOf = (ms) => ms === null ? '–' : ms < 10 ? `${ms.toFixed(1)} ms` : `${numberOf(Math.round(ms))} ms`;

function Rooms({ row }) {
  const text = row.namespaces.map(({ name, rooms, rooms_more }) =>
    [name, ...rooms, ...rooms_more ? [`${rooms_more} more`] : []].join(' · ')).join('; ');
  return text && html`<span class="dim rooms" title="Namespace and rooms">${text}</span>`;
}

function Row({ row, age, follow, end, isFollowed }) {
  const what = [row.system, row.role].filter(Boolean).join(' · ');
  const number = (name, title, text, isMuch) => html`<td class="num ${name}" data-label=${title}><span class=${isMuch ? 'much' : ''}>${text}</span></td>`;
  return html`<tr data-id=${row.id} aria-current=${isFollowed ? 'true' : undefined}>
    <td class="who"><strong title=${row.agent ?? undefined}>${nameOf(row)}</strong>${what && html` <span class="dim">${what}</span>`}<${Rooms} row=${row} /></td>
    <td class="how"><span>${WORDS[row.transport] ?? row.transport}</span> <span class="dim">${row.protocol}${row.path ? ` ${row.path}` : ''}</span></td>
    <td class="from">${row.address}${row.device && row.agent && html` <span class="dim" title=${row.agent}>${agentOf(row.agent)}</span>`}</td>
    <td class="num since" data-label="Since"><time datetime=${new Date(row.since_us / 1000).toISOString()}
      title=${dateAndTime(row.since_us / 1000)}>${spanOf(age(row.since_us))}</time>
      <span class="dim" title="Last heard">${row.heard_us === null ? '' : ` heard ${spanOf(age(row.heard_us))} ago`}</span></td>
    ${number('rtt', 'Round trip', msOf(row.rtt_ms), row.rtt_ms > 500)}
    ${number('queue', 'Waiting', bytesOf(row.queued_bytes + (row.unsent_bytes ?? 0)), row.queued_bytes > 65536)}
    ${number('drops', 'Dropped', numberOf(row.drops.conflated), row.drops.conflated > 0)}
    ${number('in', 'In', row.bytes_in === null ? '–' : bytesOf(row.bytes_in))}
    ${number('out', 'Out', row.bytes_out === null ? '–' : bytesOf(row.bytes_out))}
    <td class="acts"><button type="button" class="plain small" aria-pressed=${isFollowed ? 'true' : 'false'} aria-label="Follow ${nameOf(row)}"
      onClick=${() => follow(row)}>Follow</button>
      <button type="button" class="plain small danger" aria-label="Disconnect ${nameOf(row)}" onClick=${() => end(row)}>Disconnect</button></td>
  </tr>`;
}

function Head({ sort, set }) {
  const by = (name) => html`<th scope="col" class=${name === 'who' ? 'who' : `num ${name}`} aria-sort=${sort === name ? (SORTS[name].up ? 'ascending' : 'descending') : undefined}>
    <button type="button" class="sort" onClick=${() => set({ sort: name })}>${sort === name && html`<span class="arrow" aria-hidden="true">${SORTS[name].up ? '▲' : '▼'}</span>`}${SORTS[name].word}</button></th>`;
  return html`<thead><tr>${by('who')}<th scope="col" class="how">Transport</th><th scope="col" class="from">Address</th>
    ${['since', 'rtt', 'queue', 'drops', 'in', 'out'].map(by)}<th scope="col" class="acts"><span class="unseen">Actions</span></th></tr></thead>`;
}

// Asked before it is done: the other side notices.
function Confirm({ row, close }) {
  const dialog = useRef(null), [error, fail] = useState(null), [isBusy, work] = useState(false);
  useEffect(() => dialog.current.showModal(), []);
  const end = async () => {
    work(true);
    try {
      await peers.end(row);
      close();
    } catch (trouble) {
      fail(trouble);
      work(false);
    }
  };
  return html`<dialog ref=${dialog} class="confirm" aria-labelledby="confirm-title" onClose=${close}>
    <h2 id="confirm-title">Disconnect ${nameOf(row)}?</h2>
    <p>${row.address}, ${WORDS[row.transport] ?? row.transport}. What waits for it is lost. It may come back by itself: most devices and pages do.</p>
    ${error && html`<p class="bad" role="alert">${error.message} ${error.step ?? ''}</p>`}
    <p class="choices"><button type="button" class="plain" onClick=${() => dialog.current.close()}>Cancel</button>
      <button type="button" class="plain danger" disabled=${isBusy} onClick=${end}>${isBusy ? 'Disconnecting…' : 'Disconnect'}</button></p>
  </dialog>`;
}

function Filters({ filter, set }) {
  const [text, type] = useState(filter.q), timer = useRef(0);
  useEffect(() => type(filter.q), [filter.q]);
  const onInput = (event) => {
    const q = event.target.value;
    type(q);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => set({ q }), TYPED_MS);
  };
  return html`<form class="filters" role="search" onSubmit=${(e) => e.preventDefault()}>
    <label>Find <input type="search" name="q" value=${text} placeholder="device, address, role…" onInput=${onInput} /></label>
    <label>Show <select name="transport" onChange=${(e) => set({ transport: e.target.value })}>
      ${KINDS.map(([kind, word]) => html`<option key=${kind} value=${kind} selected=${kind === filter.transport}>${word}</option>`)}</select></label>
    <label class="by-sort">Sort <select name="sort" onChange=${(e) => set({ sort: e.target.value })}>
      ${Object.entries(SORTS).map(([name, { word }]) => html`<option key=${name} value=${name} selected=${name === filter.sort}>${word}</option>`)}</select></label>
  </form>`;
}

const Empty = ({ isFiltered }) => html`<div class="empty">
  <p><strong>${isFiltered ? 'No connection matches.' : 'Nobody stays connected at the moment.'}</strong>
    ${isFiltered ? html`<a href=${connectionsHref()}>Show all of them</a>.` : 'A camera, a dashboard or this page itself appears here as soon as its connection is open.'}</p>
</div>`;

export function Connections({ query }) {
  const filter = { q: query.q ?? '', transport: query.transport ?? '', sort: SORTS[query.sort] ? query.sort : 'since' };
  const set = (change) => go(connectionsHref({ ...filter, ...change }), { replace: true });
  const { rows: all, isLoaded, isCut, sockets, error, nowMs, readAt } = useSource(peers);
  const [ending, end] = useState(null), [followed, follow] = useState(null), [isWhole, setWhole] = useState(false);
  useSource(link);
  const kind = filter.transport;
  useEffect(() => peers.ask({ q: filter.q, transport: kind === 'any' ? '' : kind }), [filter.q, kind]);
  useEffect(() => peers.watch(), []);
  const rows = sorted(kind === '' ? all.filter((row) => row.transport !== 'http') : all, filter.sort);
  const shown = isWhole ? rows : rows.slice(0, SHOWN);
  const age = (us) => nowMs + (performance.now() - readAt) - us / 1000;
  return html`<div class="connections">
    <div class="head"><h1>Connections</h1>
      <p class="dim total">${isLoaded ? `${plural(rows.length, 'connection', 'connections')}${isCut ? ' of more: find narrows them' : ''}, ${plural(sockets, 'socket', 'sockets')} open` : ''}</p>
      <${Filters} filter=${filter} set=${set} /></div>
    ${error && html`<${ErrorNote} error=${error} retry=${() => peers.load()} />`}
    ${!isLoaded && !error && html`<${Waiting} what="the connections" rows=${6} />`}
    ${isLoaded && rows.length === 0 && html`<${Empty} isFiltered=${filter.q !== '' || kind !== ''} />`}
    ${isLoaded && rows.length > 0 && html`<section class="list" aria-label="Connections"><table class="rows peers" data-old=${Boolean(error)}>
      <${Head} sort=${filter.sort} set=${set} />
      <tbody>${shown.map((row) => html`<${Row} key=${row.id} row=${row} age=${age} end=${end} isFollowed=${followed?.id === row.id}
        follow=${(one) => follow(followed?.id === one.id ? null : one)} />`)}</tbody></table>
      ${rows.length > shown.length && html`<button type="button" class="plain older" onClick=${() => setWhole(true)}>${plural(rows.length - shown.length, 'more', 'more')}</button>`}
    </section>`}
    <${TailView} connection=${followed?.id ?? ''} name=${followed ? nameOf(followed) : ''} unfollow=${() => follow(null)} />
    ${ending && html`<${Confirm} key=${ending.id} row=${ending} close=${() => end(null)} />`}
  </div>`;
}
