// SPDX-License-Identifier: MIT
// Where in the picture a camera has just seen something; each is shown for two seconds.
import { onRecord, onSights } from './hub.js';
import { capitalised } from './format.js';
import { useEffect, useState } from './vendor/preact.js';

const SHOWN_MS = 2000;
const BOXES_MAX = 40;

// "87.00%" is how older devices write it.
const confidenceOf = (x) => typeof x === 'string' ? parseFloat(x) / 100 : x;
const isBox = (b, n) => Array.isArray(b) && b.length === n && b.every((x) => Number.isFinite(x) && x >= 0);

function boxesOf(record) {
  const items = record.detections ?? [record];
  return items.filter((d) => isBox(d?.bbox, 4)).map((d, i) => ({
    key: `${record.record_id ?? performance.now()} ${i}`,
    label: capitalised(d.defect_type ?? d.type),
    confidence: confidenceOf(d.confidence),
    bbox: d.bbox,
    source: isBox(d.source ?? record.source, 2) ? d.source ?? record.source : null,
  }));
}

// Those of a picture are in place of those of the picture before it.
export function useBoxes(device) {
  const [boxes, set] = useState([]);
  useEffect(() => {
    const timers = new Set();
    const show = (record, ofPicture) => {
      if (record.device_id !== device) return;
      const added = boxesOf(record).map((b) => ({ ...b, ofPicture }));
      if (added.length === 0) return;
      set((old) => [...old.filter((b) => !ofPicture || !b.ofPicture), ...added].slice(-BOXES_MAX));
      const timer = setTimeout(() => {
        timers.delete(timer);
        set((old) => old.filter((b) => !added.includes(b)));
      }, SHOWN_MS);
      timers.add(timer);
    };
    const stops = [onRecord((kind, record) => kind === 'detection' && show(record, false)),
      onSights((record) => show(record, true))];
    return () => {
      stops.forEach((stop) => stop());
      timers.forEach(clearTimeout);
    };
  }, [device]);
  return boxes;
}
