// SPDX-License-Identifier: MIT
// The one hub of this page: its link, its streams, and the records it announces.
import { Defects } from './defects.js';
import { Knocks } from './knocks.js';
import { Link } from './link.js';
import { Peers } from './peers.js';
import { Streams } from './streams.js';

export const streams = new Streams();
export const knocks = new Knocks();
export const peers = new Peers();

const listeners = new Set(); // of records: (kind, record)
const sights = new Set();    // of what is marked in pictures: (record)
const lists = new Map();     // of detections, by filter: the last few, so that "back" finds them
const LISTS_MAX = 4;

// Returns how to stop listening.
export function onRecord(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

// What is marked in a picture and is no record: see docs/live-wire.md, "defects".
export function onSights(listener) {
  sights.add(listener);
  return () => sights.delete(listener);
}

function onEvent({ system, kind, record }) {
  if (system === 'hub' && kind === 'knock') knocks.stale();
  if (system !== 'glass') return;
  if (kind === 'defects') {
    for (const listener of sights) listener(record);
    return;
  }
  for (const list of lists.values()) list.take(kind, record);
  for (const listener of listeners) listener(kind, record);
}

const handlers = {
  stream: (m) => streams.onStream(m),
  rates: (m) => streams.onRates(m),
  event: onEvent,
  error: (m) => console.warn(`the hub: ${m.message}`),
};

function reload(wasAway = false) {
  for (const list of lists.values()) list.load(wasAway);
}

export const link = new Link({
  open() {
    streams.onOpen();
    knocks.stale();
    reload(true);
  },
  message: (m) => handlers[m.type]?.(m),
  frame: (buffer) => streams.onFrame(buffer),
  poll: () => reload(),
});
streams.link = link;

// The list of what the filter lets through; the same object for the same filter.
export function listOf({ device = '', status = '' }) {
  const key = JSON.stringify([device, status]);
  const list = lists.get(key) ?? new Defects({ device, status });
  const isNew = !lists.delete(key);
  lists.set(key, list); // the newest is last
  if (lists.size > LISTS_MAX) lists.delete(lists.keys().next().value);
  if (isNew) list.load();
  return list;
}
