// SPDX-License-Identifier: MIT
// Where in the picture a camera has just seen something; each is shown for two seconds.
import { onRecord } from './hub.js';
import { capitalised } from './format.js';
import { useEffect, useState } from './vendor/preact.js';

const SHOWN_MS = 2000;
const BOXES_MAX = 40;

const isBox = (b, n) => Array.isArray(b) && b.length === n && b.every((x) => Number.isFinite(x) && x >= 0);

function boxesOf(record) {
  const items = record.detections ?? [record];
  return items.filter((d) => isBox(d.bbox, 4)).map((d, i) => ({
    key: `${record.record_id ?? performance.now()} ${i}`,
    label: capitalised(d.defect_type ?? d.type),
    confidence: d.confidence,
    bbox: d.bbox,
    source: isBox(d.source ?? record.source, 2) ? d.source ?? record.source : null,
  }));
}

export function useBoxes(device) {
  const [boxes, set] = useState([]);
  useEffect(() => {
    const timers = new Set();
    const stop = onRecord((kind, record) => {
      if (kind !== 'detection' || record.device_id !== device) return;
      const added = boxesOf(record);
      if (added.length === 0) return;
      set((old) => [...old, ...added].slice(-BOXES_MAX));
      const timer = setTimeout(() => {
        timers.delete(timer);
        set((old) => old.filter((b) => !added.includes(b)));
      }, SHOWN_MS);
      timers.add(timer);
    });
    return () => {
      stop();
      timers.forEach(clearTimeout);
    };
  }, [device]);
  return boxes;
}
