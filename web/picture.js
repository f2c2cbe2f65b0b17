// SPDX-License-Identifier: MIT
// Frames on a canvas: decoded off the page's thread, drawn at most once per animation frame,
// and always the newest; what came in between is never decoded.

const RATE_MS = 1500;
let toPaint = [];

function paintAll() {
  const pictures = toPaint;
  toPaint = [];
  for (const picture of pictures) picture.paint();
}

export class Picture {
  #waiting = null;  // the newest frame, not yet decoded
  #busy = false;    // one is decoded, or waits for the animation frame
  #bitmap = null;
  #shown = 0;
  #countedAt = performance.now();
  fps = null;       // drawn per second; null: not counted yet
  isBroken = false; // what came last is no picture

  constructor(canvas, stream, onFirst) {
    this.canvas = canvas;
    this.stream = stream;
    this.onFirst = onFirst; // the first picture of a size, and the first broken one
    stream.viewers.add(this);
    if (stream.last) this.take(stream.last);
  }

  close() {
    this.stream.viewers.delete(this);
    this.#bitmap?.close();
    this.#bitmap = this.#waiting = this.canvas = null;
  }

  take(frame) {
    this.#waiting = frame;
    this.#next();
  }

  async #next() {
    if (this.#busy || !this.#waiting) return;
    const frame = this.#waiting;
    this.#waiting = null;
    this.#busy = true;
    let bitmap = null;
    try {
      bitmap = await createImageBitmap(new Blob([frame.bytes], { type: frame.type }));
    } catch {
      // below
    }
    if (!this.canvas) {
      bitmap?.close();
    } else if (bitmap) {
      this.#bitmap = bitmap;
      if (toPaint.push(this) === 1) requestAnimationFrame(paintAll);
    } else {
      this.#busy = false;
      if (!this.isBroken) this.onFirst();
      this.isBroken = true;
      this.#next();
    }
  }

  paint() {
    const bitmap = this.#bitmap, canvas = this.canvas;
    this.#bitmap = null;
    if (!canvas) return;
    const isNew = canvas.width !== bitmap.width || canvas.height !== bitmap.height || this.isBroken;
    if (isNew) {
      canvas.width = bitmap.width;
      canvas.height = bitmap.height;
      this.stream.size = [bitmap.width, bitmap.height];
      this.isBroken = false;
      this.onFirst();
    }
    canvas.getContext('2d', { alpha: false }).drawImage(bitmap, 0, 0);
    bitmap.close();
    this.#shown++;
    this.#busy = false;
    this.#next();
  }

  // To be called now and then.
  count() {
    const now = performance.now(), span = now - this.#countedAt;
    if (span < RATE_MS) return;
    this.fps = this.#shown * 1000 / span;
    this.#shown = 0;
    this.#countedAt = now;
  }
}
