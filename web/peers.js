// SPDX-License-Identifier: MIT
// Who is connected: read again and again while somebody looks, and only then.
import { ask } from './http.js';
import { Source } from './source.js';

const EVERY_MS = 2000;
const ROWS_MAX = 1000; // more is no list for people: they filter
const PAGES_MAX = 8;   // a page may be short, see docs/operations.md

export class Peers extends Source {
  rows = [];
  isLoaded = false;
  isCut = false; // there are more
  sockets = 0;
  nowMs = 0; // by the hub's clock, when it was read
  readAt = 0;
  error = null;
  #query = '';
  #watchers = 0;
  #timer = 0;
  #turn = 0;

  // Returns how to stop.
  watch() {
    if (this.#watchers++ === 0) this.load();
    return () => {
      if (--this.#watchers === 0) clearTimeout(this.#timer);
    };
  }

  ask(query) {
    const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value)).toString();
    if (text === this.#query) return;
    this.#query = text;
    this.isLoaded = false;
    if (this.#watchers > 0) this.load();
  }

  async load() {
    const turn = ++this.#turn; // an older answer is not wanted any more
    clearTimeout(this.#timer);
    try {
      const read = await this.#read(turn);
      if (turn !== this.#turn) return;
      Object.assign(this, read, { isLoaded: true, error: null });
    } catch (error) {
      if (turn !== this.#turn) return;
      this.error = error;
    }
    this.changed();
    if (this.#watchers > 0) this.#timer = setTimeout(() => this.load(), EVERY_MS);
  }

  async #read(turn) {
    const rows = [];
    let page, after = '';
    for (let i = 0; i < PAGES_MAX && after !== null && rows.length < ROWS_MAX && turn === this.#turn; i++) {
      page = await ask(`/api/connections?limit=${ROWS_MAX - rows.length}${after && `&after=${after}`}${this.#query && `&${this.#query}`}`);
      rows.push(...page.connections);
      after = page.next;
    }
    return { rows, isCut: after !== null, sockets: page?.sockets ?? 0, nowMs: (page?.now_us ?? 0) / 1000, readAt: performance.now() };
  }

  async end(row) {
    await ask(`/api/connections/${row.id}`, { method: 'DELETE' });
    this.rows = this.rows.filter((other) => other.id !== row.id);
    this.changed();
    this.load();
  }
}

// What goes on, the newest first. `connection` '': of all.
export class Tail extends Source {
  static KEPT = 300;
  lines = [];
  state = 'wait'; // 'live', 'off'
  missed = 0;
  isPaused = false;
  held = 0; // came since it was paused
  #source = null;
  #number = 0;

  constructor() {
    super(200);
  }

  open(connection = '') {
    this.close();
    this.lines = [];
    this.missed = this.held = 0;
    this.#source = new EventSource(`/api/events${connection && `?connection=${connection}`}`);
    this.#source.onopen = () => this.#become('live');
    this.#source.onerror = () => this.#become('off'); // it comes back by itself
    this.#source.onmessage = (event) => this.#take(JSON.parse(event.data));
    this.#become('wait');
  }

  close() {
    this.#source?.close();
    this.#source = null;
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.held = 0;
    this.changed();
  }

  #become(state) {
    this.state = state;
    this.changed();
  }

  #take(line) {
    if (line.what === 'dropped') this.missed += line.count;
    else if (this.isPaused) this.held++;
    else {
      this.lines.unshift({ ...line, number: this.#number++ });
      this.lines.length = Math.min(this.lines.length, Tail.KEPT);
    }
    this.changed();
  }
}
