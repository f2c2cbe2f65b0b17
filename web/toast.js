// SPDX-License-Identifier: MIT
// A new detection while one looks at something else; and all of them, seldom enough, in words
// for who listens to the page.
import { rowOf } from './defects.js';
import { capitalised, clockOf, percentOf, plural } from './format.js';
import { onRecord } from './hub.js';
import { detectionsHref } from './route.js';
import { html, useEffect, useRef, useState } from './vendor/preact.js';

const SHOWN_MS = 6000;
const PAUSE_MS = 15000; // a busy line is no reason to cover the page for ever
const SAY_MS = 5000;

// A message of several has no ids: then there is no detail to open.
const arrivalOf = (record) => record.detections
  ? { n: record.detections.length, row: rowOf({ ...record, ...record.detections.at(-1), device_id: record.device_id, record_id: '' }) }
  : { n: 1, row: rowOf(record) };

// The toast: {row, n: how many since it appeared}, and the words to be read out.
function useArrivals() {
  const [toast, set] = useState(null), [words, say] = useState('');
  const quietUntil = useRef(0), unsaid = useRef([]);
  const close = () => {
    quietUntil.current = performance.now() + PAUSE_MS;
    set(null);
  };
  useEffect(() => {
    const stop = onRecord((kind, record) => {
      if (kind !== 'detection') return;
      const { n, row } = arrivalOf(record);
      unsaid.current.push(row);
      if (performance.now() > quietUntil.current) set((old) => ({ row, n: (old?.n ?? 0) + n }));
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

// Not where the same is on the page already.
export function Toast({ view, name }) {
  const { toast, words, close } = useArrivals();
  const isShown = toast && view !== 'detections' && !(view === 'camera' && name === toast.row.device_id);
  return html`<p class="unseen" id="announcer" aria-live="polite">${words}</p>
    ${isShown && html`<div class="toast">
      <a href=${detectionsHref({}, toast.n === 1 ? toast.row.id : '')}>
        <strong>${toast.n === 1 ? '' : `${toast.n} new, the latest: `}${capitalised(toast.row.defect_type)} ${percentOf(toast.row.confidence)}</strong>
        <span class="dim">${toast.row.device_id} · ${clockOf(Date.parse(toast.row.detected_at))}</span></a>
      <button type="button" class="plain" aria-label="Dismiss" onClick=${close}>✕</button>
    </div>`}`;
}
