// SPDX-License-Identifier: MIT
// The list of detections: history first, then each one as it is stored. A reader who has
// scrolled is not moved: new rows wait behind a button that says how many they are.
import { capitalised, percentOf, plural, timeOf } from './format.js';

const ROWS_MAX = 200;
const HISTORY = 100;
const SAY_MS = 5000;

function cell(row, text, className) {
  const td = document.createElement('td');
  td.textContent = text;
  if (className) td.className = className;
  row.append(td);
  return td;
}

function rowOf(d) {
  const row = document.createElement('tr');
  const at = Date.parse(d.detected_at);
  const time = document.createElement('time');
  time.dateTime = time.title = d.detected_at;
  time.textContent = Number.isNaN(at) ? '–' : timeOf(at);
  cell(row, '').append(time);
  cell(row, capitalised(d.defect_type));
  cell(row, percentOf(d.confidence), 'number');
  cell(row, d.device_id ?? '–');
  cell(row, capitalised(d.status));
  return row;
}

export class Detections {
  constructor(nodes) {
    Object.assign(this, nodes); // rows, scroller, pill, total, loading, empty, gap, announcer
    this.known = new Set();
    this.held = [];
    this.count = 0;
    this.loaded = false;
    this.unsaid = [];
    this.pill.onclick = () => this.#release();
    this.scroller.onscroll = () => {
      if (this.held.length && this.scroller.scrollTop < 4) this.#release();
    };
    setInterval(() => this.#say(), SAY_MS);
  }

  async load() {
    const slow = setTimeout(() => {
      this.loading.textContent = 'Still waiting for the history of detections…';
    }, 3000);
    try {
      const answer = await fetch(`/defects?limit=${HISTORY}`);
      if (!answer.ok) throw new Error(`the hub answered ${answer.status}`);
      const { data, pagination } = await answer.json();
      this.#merge(data);
      this.count = pagination.total;
      this.loading.hidden = true;
    } catch (error) {
      this.loading.hidden = false;
      this.loading.textContent = `The history could not be loaded (${error.message}). It is asked for again with the next connection.`;
    } finally {
      clearTimeout(slow);
      this.#show();
    }
  }

  // History, newest first: what we lack goes on top, oldest of it first.
  #merge(data) {
    const missing = data.filter((d) => !this.known.has(d.id));
    if (this.loaded && missing.length) {
      this.gap.textContent = `${plural(missing.length, 'detection', 'detections')} from while this page was away, fetched from history.`;
      this.gap.hidden = false;
    }
    for (const d of missing.reverse()) this.#put(d, false);
    this.loaded = true;
  }

  // A message of the hub: stored already.
  take(message) {
    const d = { ...message, id: message.record_id, detected_at: message.timestamp, status: message.status ?? 'pending' };
    if (this.known.has(d.id)) return;
    this.count++;
    this.unsaid.push(d);
    if (this.#isReading()) {
      this.known.add(d.id);
      this.held.push(d);
    } else {
      this.#put(d, true);
    }
    this.#show();
  }

  #isReading() {
    return this.scroller.scrollTop > 4 || this.scroller.getBoundingClientRect().top < -4;
  }

  #put(d, isNew) {
    const row = rowOf(d);
    this.known.add(d.id);
    if (isNew) row.className = 'new';
    this.rows.prepend(row);
    while (this.rows.children.length > ROWS_MAX) this.rows.lastChild.remove();
  }

  #release() {
    const held = this.held;
    this.held = [];
    for (const d of held) this.#put(d, true);
    this.scroller.scrollTop = 0;
    if (this.scroller.getBoundingClientRect().top < 0) this.scroller.scrollIntoView();
    this.scroller.focus({ preventScroll: true });
    this.#show();
  }

  #show() {
    this.pill.hidden = this.held.length === 0;
    this.pill.textContent = `${this.held.length} new`;
    this.total.textContent = this.count ? `${this.count.toLocaleString()} stored` : '';
    this.empty.hidden = !this.loaded || this.rows.children.length > 0 || this.held.length > 0;
  }

  #say() {
    if (this.unsaid.length === 0) return;
    const last = this.unsaid.at(-1);
    this.announcer.textContent = `${plural(this.unsaid.length, 'new detection', 'new detections')}, the latest: ${last.defect_type} from ${last.device_id}`;
    this.unsaid = [];
  }
}
