// SPDX-License-Identifier: MIT
// The list of detections. A reader who has scrolled is not moved: new rows wait behind a button.
import { Detail } from './detail.js';
import { clockOf, numberOf, plural } from './format.js';
import { curlLines, simLine } from './firstrun.js';
import { link, listOf, streams } from './hub.js';
import { useKeys, useReturn } from './keys.js';
import { Copyable, ErrorNote, Waiting } from './parts.js';
import { detectionsHref, go } from './route.js';
import { Rows } from './rows.js';
import { useSource } from './source.js';
import { html, useEffect, useLayoutEffect, useRef } from './vendor/preact.js';

const TOP_PX = 40; // scrolled less than this, one is still at the top

function Filters({ filter, devices }) {
  const set = (change) => go(detectionsHref({ ...filter, ...change }), { replace: true });
  const all = filter.device && !devices.includes(filter.device) ? [filter.device, ...devices] : devices;
  return html`<form class="filters" aria-label="Filters" onSubmit=${(e) => e.preventDefault()}>
    <label>Camera <select name="device" value=${filter.device} onChange=${(e) => set({ device: e.target.value })}>
      <option value="" selected=${!filter.device}>All</option>
      ${all.map((d) => html`<option key=${d} value=${d} selected=${d === filter.device}>${d}</option>`)}
    </select></label>
    <label>Status <select name="status" value=${filter.status} onChange=${(e) => set({ status: e.target.value })}>
      ${['', 'pending', 'reviewed', 'resolved'].map((s) => html`<option key=${s} value=${s} selected=${s === filter.status}>
        ${s ? s[0].toUpperCase() + s.slice(1) : 'All'}</option>`)}
    </select></label>
    ${(filter.device || filter.status) && html`<a class="plain" href=${detectionsHref()}>Clear</a>`}
  </form>`;
}

function Gap({ list }) {
  if (!list.gap) return null;
  const { count, from, to, isWhole } = list.gap;
  const span = clockOf(from) === clockOf(to) ? `of ${clockOf(from)}` : `between ${clockOf(from)} and ${clockOf(to)}`;
  return html`<div class="note"><p>${plural(count, 'detection', 'detections')} ${span} ${count === 1 ? 'was' : 'were'} fetched
    from history${isWhole ? '; there may be more before them: the list begins anew' : ''}.</p>
    <button type="button" class="plain" onClick=${() => list.forgetGap()}>Dismiss</button></div>`;
}

const Empty = ({ filter }) => filter.device || filter.status
  ? html`<div class="empty"><p><strong>No detection matches.</strong> <a href=${detectionsHref()}>Show all of them</a>.</p></div>`
  : html`<div class="empty">
    <p><strong>No detection is stored yet.</strong> Each one a camera reports is kept and appears here at once.</p>
    <p>A simulated camera reports one every few seconds:</p>
    <${Copyable} text=${simLine} what="the simulator’s line" />
    <p>Or send one by hand:</p>
    <${Copyable} text=${curlLines} what="the request" />
  </div>`;

function Older({ list }) {
  if (list.rows.length === 0) return null;
  if (!list.hasMore) {
    return html`<p class="dim end">${list.rows.length >= 1000 ? 'The newest 1,000 are shown; choose a camera or a status to see older ones.'
      : 'That is all of them.'}</p>`;
  }
  return html`<button type="button" class="plain older" disabled=${list.isLoading} onClick=${() => list.older()}>
    ${list.isLoading ? 'Loading…' : 'Older'}</button>`;
}

function List({ list, filter, selected, top }) {
  if (list.error && !list.isLoaded) return html`<${ErrorNote} error=${list.error} retry=${() => list.load()} />`;
  if (!list.isLoaded) return html`<${Waiting} what="the detections" rows=${8} />`;
  if (list.rows.length + list.held.length === 0) return html`<${Empty} filter=${filter} />`;
  return html`
    ${list.error && html`<${ErrorNote} error=${list.error} retry=${() => list.load()} />`}
    <${Gap} list=${list} />
    ${list.held.length > 0 && html`<button type="button" class="pill" onClick=${top}>${numberOf(list.held.length)} new</button>`}
    <${Rows} rows=${list.rows} fresh=${list.fresh} selected=${selected} hrefOf=${(row) => detectionsHref(filter, row.id)} />
    <${Older} list=${list} />`;
}

// Who reads further down, or looks at one, is not to be moved.
function useReading(list, selected) {
  useEffect(() => {
    const look = () => {
      const was = list.isRead;
      list.isRead = selected !== '' || scrollY > TOP_PX;
      if (was && !list.isRead && list.held.length) list.release();
    };
    look();
    addEventListener('scroll', look, { passive: true });
    return () => {
      removeEventListener('scroll', look);
      list.isRead = false;
      list.release();
    };
  }, [list, selected]);
}

// On a phone the detail covers the list: coming back, one is where one was.
function usePlace(isOpen) {
  const place = useRef(0);
  useLayoutEffect(() => {
    const isShown = () => getComputedStyle(document.querySelector('.list')).display !== 'none';
    scrollTo(0, isShown() ? place.current : 0);
    const keep = () => {
      if (isShown()) place.current = scrollY;
    };
    addEventListener('scroll', keep, { passive: true });
    return () => removeEventListener('scroll', keep);
  }, [isOpen]);
}

export function Detections({ selected, query }) {
  const filter = { device: query.device ?? '', status: query.status ?? '' };
  const list = useSource(listOf(filter));
  useSource(link);
  const devices = useSource(streams).list.map((s) => s.device);
  const rows = list.rows, at = rows.findIndex((row) => row.id === selected);
  const back = detectionsHref(filter), hrefOf = (row) => row && detectionsHref(filter, row.id);
  const top = () => {
    list.release();
    scrollTo(0, 0);
  };
  useReading(list, selected);
  usePlace(selected !== '');
  useKeys({ rows, hrefOf, back });
  useReturn(selected);
  return html`<div class="detections" data-open=${selected !== ''}>
    <section class="list" aria-labelledby="list-title">
      <div class="head">
        <h1 id="list-title">Detections</h1>
        <p class="dim total">${list.isLoaded ? `${numberOf(list.total)} stored` : ''}</p>
        <${Filters} filter=${filter} devices=${devices} />
      </div>
      <${List} list=${list} filter=${filter} selected=${selected} top=${top} />
    </section>
    ${selected !== '' && html`<${Detail} key=${selected} id=${selected} known=${list.find(selected)} back=${back}
      before=${at > 0 ? hrefOf(rows[at - 1]) : null} after=${at >= 0 ? hrefOf(rows[at + 1]) : null} />`}
  </div>`;
}
