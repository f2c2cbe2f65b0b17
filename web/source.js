// SPDX-License-Identifier: MIT
// Something that changes and tells of it; and how a view follows it.
import { useLayoutEffect, useState } from './vendor/preact.js';

export class Source {
  #listeners = new Set();
  #soon = false;
  #toldAt = -Infinity;

  // It tells of changes at most once in `everyMs`: a burst of records is not a burst of drawing.
  constructor(everyMs = 0) {
    this.everyMs = everyMs;
  }

  // Returns how to stop listening.
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // Many changes in one turn are one call; the first after a pause is told at once.
  changed() {
    if (this.#soon) return;
    this.#soon = true;
    const wait = this.#toldAt + this.everyMs - performance.now();
    if (wait > 0) setTimeout(() => this.#tell(), wait);
    else queueMicrotask(() => this.#tell());
  }

  #tell() {
    this.#soon = false;
    this.#toldAt = performance.now();
    for (const listener of [...this.#listeners]) listener();
  }
}

// Draw this view again whenever the source changes.
export function useSource(source) {
  const [, turn] = useState(0);
  useLayoutEffect(() => source.listen(() => turn((n) => n + 1)), [source]);
  return source;
}

// Ages grow without a message: twice a second is enough for words.
export const tick = new Source();
setInterval(() => document.hidden || tick.changed(), 500);
document.addEventListener('visibilitychange', () => document.hidden || tick.changed());
