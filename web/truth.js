// SPDX-License-Identifier: MIT
// What may be said of a stream at this moment, in a shape, a word and a sentence. LIVE is a
// frame within three seconds; a link without one is STALE; no link is OFFLINE.
import { ageOf, spanOf, timeOf } from './format.js';

const LIVE_MS = 3000;

// `now` by the hub's clock; `asOf`: since when we hear nothing of the hub, null: we do.
export function truthOf(stream, now, asOf) {
  const seen = stream.frameAt, age = seen === null ? null : now - seen;
  if (asOf !== null) return { state: 'unknown', word: 'UNKNOWN', text: `as of ${timeOf(asOf)}`, age: null };
  if (!stream.connected) {
    const text = seen === null ? `since ${timeOf(stream.since)}, no picture so far`
      : `since ${timeOf(stream.since)}, last picture ${spanOf(age)} ago`;
    return { state: 'off', word: 'OFFLINE', text, age };
  }
  if (seen === null) return { state: 'wait', word: 'WAITING', text: 'connected, no picture yet', age };
  if (age <= LIVE_MS) return { state: 'live', word: 'LIVE', text: `${ageOf(age)} old`, age };
  return { state: 'stale', word: 'STALE', text: `no video since ${timeOf(seen)}, ${spanOf(age)}`, age };
}
