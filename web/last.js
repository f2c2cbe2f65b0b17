// SPDX-License-Identifier: MIT
// The newest detection of each device that is looked at.
import { rowOf } from './defects.js';
import { ask } from './http.js';
import { link, onRecord } from './hub.js';
import { Source, useSource } from './source.js';
import { useEffect } from './vendor/preact.js';

const last = new Source(250);
const rows = new Map(); // device: row, or null: none so far

async function find(device) {
  try {
    const { data } = await ask(`/defects?deviceId=${encodeURIComponent(device)}&limit=1`);
    rows.set(device, data[0] ?? null);
    last.changed();
  } catch {
    // asked again with the next connection
  }
}

onRecord((kind, record) => {
  if (kind === 'removal') {
    for (const [device, row] of rows) if (row?.id === record.id) find(device);
    return;
  }
  const row = kind === 'detection' ? rowOf(record) : record, old = rows.get(row.device_id);
  if (row.id === undefined) find(row.device_id);
  else if (!old || Date.parse(row.detected_at) >= Date.parse(old.detected_at)) rows.set(row.device_id, row);
  last.changed();
});

// undefined: not known yet
export function useLast(devices) {
  useSource(last);
  const key = devices.join('\n');
  useEffect(() => {
    for (const device of devices) find(device);
  }, [key, link.isOpen]);
  return (device) => rows.get(device);
}
