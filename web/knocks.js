// SPDX-License-Identifier: MIT
// Attempts to talk to the hub that led nowhere: read while somebody looks, and read anew when
// the hub says that there are more.
import { ask } from './http.js';
import { Source } from './source.js';

const LOOK_AGAIN_MS = 1000;

export class Knocks extends Source {
  rows = [];
  isLoaded = false;
  error = null;
  #watchers = 0;
  #isLoading = false;
  #isStale = true;
  #timer = 0;

  // Returns how to stop.
  watch() {
    this.#watchers++;
    if (this.#isStale) this.load();
    return () => this.#watchers--;
  }

  // What is here may be old.
  stale() {
    this.#isStale = true;
    if (this.#watchers > 0) this.load();
  }

  async load() {
    clearTimeout(this.#timer);
    if (this.#isLoading) return; // that is noticed below
    this.#isLoading = true;
    this.#isStale = false;
    try {
      this.rows = (await ask('/api/knocks')).knocks;
      this.error = null;
      this.isLoaded = true;
    } catch (error) {
      this.error = error;
      this.#isStale = true;
    }
    this.#isLoading = false;
    this.changed();
    if (this.#isStale && !this.error && this.#watchers > 0) this.#timer = setTimeout(() => this.load(), LOOK_AGAIN_MS);
  }

  // By cause and cure, the one with the newest knock first.
  get causes() {
    const groups = new Map();
    for (const row of this.rows) {
      const key = `${row.reason} ${row.cure}`;
      const group = groups.get(key) ?? { key, ...row, count: 0, rows: [] };
      group.count += row.count;
      group.rows.push(row);
      groups.set(key, group);
    }
    return [...groups.values()];
  }
}
