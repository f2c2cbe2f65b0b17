// SPDX-License-Identifier: MIT
// A new detection while one looks at something else; and all of them, seldom enough, in words
// for who listens to the page.
import { rowOf } from './defects.js';
import { capitalised, clockOf, percentOf, plural } from './format.js';
import { onRecord, streams } from './hub.js';
import { detectionsHref } from './route.js';
import { html, useEffect, useRef, useState } from './vendor/preact.js';

const SHOWN_MS = 6000;
const MANY = 5, PAUSE_MS = 15000; // a busy line is no reason to cover the page for ever
const SAY_MS = 5000;

// A message of several has no ids: then there is no detail to open.
const arrivalOf = (record) => record.detections
  ? { n: record.detections.length, row: rowOf({ ...record, ...record.detections.at(-1), device_id: record.device_id, record_id: '' }) }
  : { n: 1, row: rowOf(record) };

// The toast: {row, n: how many since it appeared}, and the words to be read out.
function useArrivals(isListed) {
  const [toast, set] = useState(null), [words, say] = useState('');
  const now = useRef({}), unsaid = useRef([]);
  Object.assign(now.current, { isListed, n: toast?.n ?? 0 }); // for what is called later
  const close = () => {
    if (now.current.n >= MANY) now.current.quietUntil = performance.now() + PAUSE_MS;
    set(null);
  };
  useEffect(() => {
    const stop = onRecord((kind, record) => {
      if (kind !== 'detection') return;
      const { n, row } = arrivalOf(record);
      unsaid.current.push(row);
      if (now.current.isListed(row) || performance.now() < (now.current.quietUntil ?? 0)) return;
      set((old) => ({ row, n: (old?.n ?? 0) + n }));
    });
    const speaker = setInterval(() => {
      const rows = unsaid.current.splice(0), last = rows.at(-1);
      if (last) say(`${plural(rows.length, 'new detection', 'new detections')}, the latest: ${last.defect_type} from ${last.device_id}`);
    }, SAY_MS);
    return () => {
      stop();
      clearInterval(speaker);
    };
  }, []);
  useEffect(() => {
    if (!toast) return undefined;
    const timer = setTimeout(close, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [toast === null]);
  return { toast, words, close };
}

export function Toast({ view, name }) {
  // Not where the same is on the page already: a lone camera's wall has the latest beside it.
  const isListed = (row) => view === 'detections' || (view === 'wall' && streams.all.size === 1)
    || (view === 'camera' && name === row.device_id);
  const { toast, words, close } = useArrivals(isListed);
  const isShown = toast && !isListed(toast.row);
  return html`<p class="unseen" id="announcer" aria-live="polite">${words}</p>
    ${isShown && html`<div class="toast">
      <a href=${detectionsHref({}, toast.n === 1 ? toast.row.id : '')}>
        <strong>${toast.n === 1 ? '' : `${toast.n} new, the latest: `}${capitalised(toast.row.defect_type)} ${percentOf(toast.row.confidence)}</strong>
        <span class="dim">${toast.row.device_id} · ${clockOf(Date.parse(toast.row.detected_at))}</span></a>
      <button type="button" class="plain" aria-label="Dismiss" onClick=${close}>✕</button>
    </div>`}`;
}
