// SPDX-License-Identifier: MIT
// One detection: its picture, what is known of it, and its status.
import { capitalised, dateAndTime, percentOf } from './format.js';
import { ask, change } from './http.js';
import { link } from './hub.js';
import { ErrorNote, Waiting } from './parts.js';
import { cameraHref } from './route.js';
import { Status } from './rows.js';
import { html, useEffect, useRef, useState } from './vendor/preact.js';

const STATUSES = ['pending', 'reviewed', 'resolved'];

// What a device says is an address may be anything: only pictures by these ways are shown.
function safeUrl(text) {
  try {
    const url = new URL(text, location.origin);
    const isImage = url.protocol === 'data:' && /^image\/(?!svg)/.test(url.pathname);
    return isImage || ['http:', 'https:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

function Image({ row }) {
  const [isMissing, setMissing] = useState(false);
  const url = row.image_url ? safeUrl(row.image_url) : null;
  if (!url) return html`<p class="no-image dim">No picture was sent with this detection.</p>`;
  if (isMissing) {
    return html`<p class="no-image dim">Its picture could not be loaded from <a href=${url} target="_blank" rel="noopener noreferrer">where it is kept</a>.</p>`;
  }
  return html`<a class="image" href=${url} target="_blank" rel="noopener noreferrer">
    <img src=${url} alt="Picture of this ${row.defect_type}" onError=${() => setMissing(true)} /><span>Full picture</span></a>
    ${row.image_source === 'stream' && html`<p class="from-stream dim">Taken from the stream: the camera’s last frame before the detection.</p>`}`;
}

// known: the list's row; it may be that the list has it not.
function useRow(id, known) {
  const [row, setRow] = useState(known), [error, setError] = useState(null);
  const load = async () => {
    setError(null);
    try {
      setRow(await ask(`/defects/${encodeURIComponent(id)}`));
    } catch (trouble) {
      setError(trouble);
    }
  };
  useEffect(() => {
    load(); // the list's row may be what was announced only: the whole one has more
  }, [id, known?.status, known?.image_url, link.isOpen]);
  return { row: row && known ? { ...row, status: known.status } : row ?? known, error, load, setRow };
}

function StatusChange({ row, known, setRow }) {
  const [asked, setAsked] = useState(null), [said, say] = useState(null), [error, setError] = useState(null);
  const set = async (status) => {
    setAsked(status);
    setError(null);
    say(null);
    try {
      const now = await change(`/defects/${encodeURIComponent(row.id)}`, { status });
      if (known) Object.assign(known, now);
      setRow(now);
      say(`Marked as ${now.status}.`);
    } catch (trouble) {
      setError({ trouble, status });
    }
    setAsked(null);
  };
  const why = link.canEdit ? null : 'The hub does not answer: the status can be changed again when it is back.';
  return html`<fieldset class="statuses" disabled=${why !== null || asked !== null}>
      <legend>Status</legend>
      ${STATUSES.map((s) => html`<button key=${s} type="button" aria-pressed=${s === row.status} data-status=${s}
        onClick=${() => s !== row.status && set(s)}><${Status} status=${s} /></button>`)}
    </fieldset>
    <p class="said" role="status">${why ?? (asked ? `Marking as ${asked}…` : said)}</p>
    ${error && !(row && error.isGone) && html`<${ErrorNote} error=${error.trouble} retry=${link.canEdit ? () => set(error.status) : null} />`}`;
}

function factsOf(row) {
  return [
    ['Confidence', percentOf(row.confidence)],
    ['Camera', row.device_id ? html`<a href=${cameraHref(row.device_id)}>${row.device_id}</a>` : 'not named'],
    ['Detected', dateAndTime(Date.parse(row.detected_at))],
    row.created_at && ['Stored', dateAndTime(Date.parse(row.created_at))],
    row.updated_at && row.updated_at !== row.created_at && ['Changed', dateAndTime(Date.parse(row.updated_at))],
    row.notes && ['Notes', row.notes],
    ['Id', html`<code>${row.id}</code>`],
  ].filter(Boolean);
}

const Step = ({ href, word, sign }) => href
  ? html`<a class="plain" href=${href} data-step=${word}>${sign === '‹' ? '‹ ' : ''}${word}${sign === '›' ? ' ›' : ''}</a>`
  : html`<span class="plain off" aria-disabled="true">${sign === '‹' ? '‹ ' : ''}${word}${sign === '›' ? ' ›' : ''}</span>`;

export function Detail({ id, known, back, before, after }) {
  const { row, error, load, setRow } = useRow(id, known);
  const title = useRef(null);
  useEffect(() => title.current?.focus({ preventScroll: true }), []);
  return html`<section class="detail-view" aria-labelledby="detail-title">
    <div class="head">
      <h1 id="detail-title" ref=${title} tabindex="-1">${row ? capitalised(row.defect_type) : 'Detection'}</h1>
      <p class="pager"><${Step} href=${before} word="Newer" sign="‹" /><${Step} href=${after} word="Older" sign="›" />
        <a class="plain" href=${back}>Close</a></p>
    </div>
    ${error && !(row && error.isGone) && html`<${ErrorNote} error=${error} retry=${load} />`}
    ${!row && !error && html`<${Waiting} what="the detection" />`}
    ${row && html`<${Image} key=${row.image_url} row=${row} />
      <${StatusChange} row=${row} known=${known} setRow=${setRow} />
      <dl class="facts-list">${factsOf(row).map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`}
  </section>`;
}
