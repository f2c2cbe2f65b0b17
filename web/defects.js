// SPDX-License-Identifier: MIT
// A list of detections, newest first: history by HTTP, then each as it is announced. While
// somebody reads (`isRead`), new ones wait in `held` and nothing moves.
import { ask } from './http.js';
import { Source } from './source.js';

const PAGE = 50;
const ROWS_MAX = 1000;
const LOOK_AGAIN_MS = 1000;
const HERE = 1, AWAY = 2;

// What is announced of a detection, as a row of the table.
export function rowOf(record) {
  return {
    id: record.record_id, device_id: record.device_id, defect_type: record.defect_type,
    confidence: record.confidence, detected_at: record.timestamp, status: 'pending',
    image_url: null, notes: null,
  };
}

const timeOfRow = (row) => Date.parse(row.detected_at) || 0;

export class Defects extends Source {
  rows = [];
  held = [];
  total = 0;
  isRead = false;
  isLoaded = false;
  isLoading = false;
  hasMore = false;
  error = null;
  gap = null;       // {count, from, to}: fetched after we were away
  fresh = new Set(); // ids that arrived while this page was open
  #known = new Map(); // id: row
  #again = 0;     // a timer
  #overflowed = false;
  #missed = null; // asked to load while loading: HERE or AWAY

  constructor(filter) {
    super(100);
    this.filter = filter;
  }

  find(id) {
    return this.#known.get(id) ?? null;
  }

  #url(limit, offset) {
    const q = new URLSearchParams({ limit, offset });
    if (this.filter.device) q.set('deviceId', this.filter.device);
    if (this.filter.status) q.set('status', this.filter.status);
    return `/defects?${q}`;
  }

  async #fetch(limit, offset, take) {
    if (this.isLoading) return;
    this.isLoading = true;
    this.changed();
    try {
      const { data, pagination } = await ask(this.#url(limit, offset));
      this.error = null;
      this.total = pagination.total;
      take(data);
    } catch (error) {
      this.error = error;
    }
    this.isLoading = false;
    this.changed();
    if (this.#missed) this.load(this.#missed === AWAY);
  }

  // The newest page; what we lack of it is added. After an absence the reader is told what.
  load(wasAway = false) {
    if (this.isLoading) this.#missed = wasAway ? AWAY : this.#missed ?? HERE;
    else this.#missed = null;
    return this.#fetch(PAGE, 0, (data) => {
      const lacking = data.filter((row) => !this.#known.has(row.id));
      for (const row of data) if (this.#known.has(row.id)) Object.assign(this.#known.get(row.id), row);
      if (this.isLoaded && lacking.length) this.#fill(lacking, lacking.length === data.length, wasAway);
      else for (const row of lacking) this.#add(row, this.rows);
      if (!this.isLoaded) this.hasMore = this.rows.length < this.total;
      this.isLoaded = true;
    });
  }

  // Missing a whole page: what lies before it is not known, so the list begins anew.
  #fill(lacking, isWhole, wasAway) {
    if (isWhole && this.rows.length) {
      this.#clear();
    }
    for (const row of lacking) {
      this.fresh.add(row.id);
      this.#add(row, this.isRead ? this.held : this.rows);
    }
    if (!wasAway) return;
    const times = lacking.map(timeOfRow);
    this.gap = { count: lacking.length, from: Math.min(...times), to: Math.max(...times), isWhole };
  }

  // Older ones, on demand. New ones have moved the offset meanwhile: what we know is skipped.
  older() {
    return this.#fetch(PAGE, this.rows.length + this.held.length, (data) => {
      for (const row of data) if (!this.#known.has(row.id)) this.#add(row, this.rows);
      this.hasMore = data.length === PAGE && this.rows.length < ROWS_MAX;
    });
  }

  // In its place by time, as the hub lists it.
  #add(row, rows) {
    const at = timeOfRow(row);
    let i = rows.findIndex((other) => timeOfRow(other) <= at);
    if (i < 0) i = rows.length;
    rows.splice(i, 0, row);
    this.#known.set(row.id, row);
  }

  #lets(row) {
    return (!this.filter.device || row.device_id === this.filter.device)
      && (!this.filter.status || row.status === this.filter.status);
  }

  #arrive(row) {
    this.#known.set(row.id, row);
    this.fresh.add(row.id);
    this.total++;
    this.#add(row, this.isRead ? this.held : this.rows);
    while (this.rows.length > ROWS_MAX) this.#forget(this.rows.pop());
    while (this.held.length > ROWS_MAX) {
      this.#forget(this.held.pop());
      this.#overflowed = true;
    }
  }

  #forget(row) {
    this.#known.delete(row.id);
    this.fresh.delete(row.id);
    this.hasMore = true;
  }

  // A record was stored, edited or removed.
  take(kind, record) {
    if (kind === 'detection' && record.record_id === undefined) { // several at once, without ids
      this.#lookAgain();
      return;
    }
    const row = kind === 'detection' ? rowOf(record) : record;
    const known = this.#known.get(row.id);
    if (kind === 'removal') this.#remove(row.id);
    else if (known) Object.assign(known, kind === 'defect' ? row : {});
    else if (!this.isLoaded) this.#lookAgain(); // the answer on its way may not have it
    else if (this.#lets(row) && this.#isNew(row)) this.#arrive(row);
    if (this.filter.status && kind === 'defect') this.#lookAgain(); // how many there are now
    this.changed();
  }

  // An edit of a row further down than we have loaded is none of the list's business.
  #isNew(row) {
    return !this.hasMore || this.rows.length === 0 || timeOfRow(row) >= timeOfRow(this.rows.at(-1));
  }

  #remove(id) {
    if (!this.#known.delete(id)) return;
    this.rows = this.rows.filter((row) => row.id !== id);
    this.held = this.held.filter((row) => row.id !== id);
    this.fresh.delete(id);
    this.total--;
  }

  #lookAgain() {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.load(), LOOK_AGAIN_MS);
  }

  #clear() {
    this.rows = [];
    this.held = [];
    this.#known.clear();
    this.fresh.clear();
    this.hasMore = true;
    this.#overflowed = false;
  }

  // More than can be kept came while somebody read: what is between is fetched when asked for.
  release() {
    const held = this.held.reverse();
    if (this.#overflowed) this.#clear();
    this.held = [];
    for (const row of held) this.#add(row, this.rows);
    this.changed();
  }

  forgetGap() {
    this.gap = null;
    this.changed();
  }
}
