// SPDX-License-Identifier: MIT
// The hub's clock as far as it can be known here. Ages are told by it, for ours may be off by
// minutes. A message that was delayed makes the hub seem late, so the latest guess of several wins.

const SAMPLES = 12; // of one each 5 s
let samples = [];
let offset = Date.now() - performance.now(); // until the hub has said what time it is

export function learnClock(hubUs) {
  samples.push(hubUs / 1000 - performance.now());
  if (samples.length > SAMPLES) samples.shift();
  offset = Math.max(...samples);
}

// A new connection: the hub or its clock may be another.
export function forgetClock() {
  samples = [];
}

// Milliseconds since 1970.
export const hubNow = () => performance.now() + offset;
