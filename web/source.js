// SPDX-License-Identifier: MIT
// Something that changes and tells of it; and how a view follows it.
import { useLayoutEffect, useState } from './vendor/preact.js';

export class Source {
  #listeners = new Set();
  #soon = false;

  // Returns how to stop listening.
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  // Many changes in one turn are one call.
  changed() {
    if (this.#soon) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      for (const listener of [...this.#listeners]) listener();
    });
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
