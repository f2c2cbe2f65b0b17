// SPDX-License-Identifier: MIT
// A tile per camera: the newest picture, and honest words about how new it is.
import { spanOf, timeOf } from './format.js';

const LIVE_MS = 3000;

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function element(tag, className, parent) {
  const e = document.createElement(tag);
  e.className = className;
  parent.append(e);
  return e;
}

class Tile {
  constructor(id, wall) {
    this.id = id;
    this.connected = null; // unknown until the hub says it
    this.shownAt = null; // hub time of the newest frame
    this.frames = 0;
    this.countedAt = performance.now();
    this.node = element('li', 'tile', wall);
    const picture = element('div', 'picture', this.node);
    this.canvas = element('canvas', '', picture);
    this.canvas.width = this.canvas.height = 0;
    this.canvas.setAttribute('role', 'img');
    this.words = element('p', '', picture);
    const facts = element('div', 'facts', this.node);
    this.badge = element('span', 'badge', facts);
    element('span', 'icon', this.badge).setAttribute('aria-hidden', 'true');
    this.word = element('span', 'word', this.badge);
    element('span', 'name', facts).textContent = id;
    this.detail = element('span', 'detail dim', facts);
    this.rate = '';
  }

  take(message) {
    this.connected = true;
    this.shownAt = message.timestamp;
    this.frames++;
    this.waiting = message.frame; // a newer one takes the place of one that was not drawn
    this.#draw();
  }

  async #draw() {
    if (this.drawing || document.hidden) return;
    this.drawing = true;
    while (this.waiting) {
      const frame = this.waiting;
      this.waiting = null;
      try {
        const bitmap = await createImageBitmap(new Blob([bytesOf(frame)]));
        if (this.canvas.width !== bitmap.width) this.canvas.width = bitmap.width;
        if (this.canvas.height !== bitmap.height) this.canvas.height = bitmap.height;
        this.canvas.getContext('2d').drawImage(bitmap, 0, 0);
        bitmap.close();
        this.broken = false;
      } catch {
        this.broken = true;
      }
    }
    this.drawing = false;
  }

  wake() {
    this.#draw();
  }

  // What is true at this moment; `now` is the hub's clock, `lost` says since when we hear nothing.
  refresh(now, lost) {
    const age = this.shownAt === null ? null : now - this.shownAt;
    let state = 'wait', word = 'WAITING', text = 'no picture yet';
    if (lost !== null) {
      state = 'stale';
      word = 'UNKNOWN';
      text = `as of ${timeOf(lost)}`;
    } else if (this.connected === false) {
      state = 'off';
      word = 'OFFLINE';
      text = age === null ? 'no picture' : `last picture ${timeOf(this.shownAt)}, ${spanOf(age)} ago`;
    } else if (age !== null && age <= LIVE_MS) {
      state = 'live';
      word = 'LIVE';
      text = age < 1000 ? 'now' : `${spanOf(age)} ago`;
    } else if (age !== null) {
      state = 'stale';
      word = 'STALE';
      text = `no video since ${timeOf(this.shownAt)}, ${spanOf(age)}`;
    }
    this.node.dataset.state = this.badge.dataset.state = this.state = state;
    this.word.textContent = word;
    this.detail.textContent = state === 'live' && this.rate ? `${text} · ${this.rate}` : text;
    this.canvas.setAttribute('aria-label', `Picture of ${this.id}: ${word.toLowerCase()}, ${text}`);
    this.words.textContent = this.broken ? 'What this camera sends is not a picture the browser can read.'
      : this.shownAt === null ? 'Waiting for the first picture' : '';
  }

  countRate(at) {
    const seconds = (at - this.countedAt) / 1000;
    if (seconds < 2) return;
    const fps = this.frames / seconds;
    this.rate = this.canvas.width && this.frames
      ? `${this.canvas.width} × ${this.canvas.height} px, ${fps < 3 ? fps.toFixed(1) : Math.round(fps)} fps` : '';
    this.frames = 0;
    this.countedAt = at;
  }
}

export class Cameras {
  constructor(wall, empty) {
    this.wall = wall;
    this.empty = empty;
    this.tiles = new Map();
    this.clockOffset = 0; // hub's minus ours, ms
    this.lost = null;
    setInterval(() => this.refresh(), 500);
    document.addEventListener('visibilitychange', () => {
      for (const tile of this.tiles.values()) tile.wake();
    });
  }

  #tile(id) {
    let tile = this.tiles.get(id);
    if (!tile) {
      tile = new Tile(id, this.wall);
      this.tiles.set(id, tile);
    }
    return tile;
  }

  frame(message) {
    this.#tile(message.device_id).take(message);
  }

  status(message) {
    const tile = this.#tile(message.device_id);
    tile.connected = message.status === 'connected';
    this.refresh();
  }

  get liveCount() {
    return [...this.tiles.values()].filter((t) => t.state === 'live').length;
  }

  refresh() {
    for (const tile of this.tiles.values()) {
      tile.countRate(performance.now());
      tile.refresh(Date.now() + this.clockOffset, this.lost);
    }
    this.empty.hidden = this.tiles.size > 0 || this.lost !== null;
    this.onrefresh?.();
  }
}
