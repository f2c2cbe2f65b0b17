// SPDX-License-Identifier: MIT
// The live streams that the hub told of, and which of them somebody here looks at: only those
// are asked for, and only as often as needed.
import { Source } from './source.js';

const MIME = [, 'image/jpeg', 'image/png', 'image/webp'];
const SETTLED_MS = 300; // after hello the streams come at once; what has not come is not there

class Stream {
  number = null;    // the hub's name for it on this connection
  connected = false;
  since = null;     // ms
  frameAt = null;   // ms, when its newest frame came to the hub
  fps = 0;
  wire = null;
  peer = null;
  problem = null;
  size = null;      // [w, h] of the last picture drawn
  last = null;      // its newest frame here
  viewers = new Set();

  constructor(system, device) {
    this.system = system;
    this.device = device;
  }

  told(m) {
    this.number = m.stream;
    this.connected = m.connected;
    this.since = m.since_us / 1000;
    this.wire = m.wire ?? null;
    this.peer = m.peer ?? null;
    this.problem = m.problem ?? null;
    this.rated(m);
  }

  rated(m) {
    this.fps = m.fps ?? 0;
    if (m.frame_us) this.frameAt = Math.max(this.frameAt ?? 0, m.frame_us / 1000);
  }
}

// null: none of ours
function readFrame(buffer) {
  const head = new DataView(buffer);
  if (buffer.byteLength < 24 || head.getUint8(0) !== 1 || head.getUint8(1) !== 1) return null;
  const length = head.getUint16(2, true);
  if (length < 24 || length > buffer.byteLength) return null;
  return {
    number: head.getUint32(4, true),
    sequence: head.getUint32(8, true),
    type: MIME[head.getUint32(12, true) & 15] ?? '',
    at: Number(head.getBigUint64(16, true)) / 1000,
    bytes: new Uint8Array(buffer, length),
  };
}

export class Streams extends Source {
  all = new Map();  // "system device": Stream
  settled = false;
  #byNumber = new Map();
  #wants = new Map();  // whoever looks: {stream, fps}
  #sent = new Map();   // number: fps
  #soon = false;
  link = null;

  constructor() {
    super();
    document.addEventListener('visibilitychange', () => this.#askSoon());
  }

  get list() {
    return [...this.all.values()].sort((a, b) => a.device.localeCompare(b.device, undefined, { numeric: true }));
  }

  find(device) {
    return this.list.find((s) => s.device === device) ?? null;
  }

  // A new connection knows nothing of what was asked for; after a restart the numbers are others.
  onOpen() {
    this.#byNumber.clear();
    this.#sent.clear();
    for (const stream of this.all.values()) stream.number = null;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#settle(), SETTLED_MS);
  }

  // Whom the hub did not name again has not called it since.
  #settle() {
    this.settled = true;
    for (const stream of this.all.values()) if (stream.number === null) stream.connected = false;
    this.changed();
  }

  onStream(m) {
    const key = `${m.system} ${m.device}`;
    let stream = this.all.get(key);
    if (!stream) this.all.set(key, stream = new Stream(m.system, m.device));
    stream.told(m);
    this.#byNumber.set(m.stream, stream);
    this.#askSoon();
    this.changed();
  }

  onRates(m) {
    for (const rate of m.streams) this.#byNumber.get(rate.stream)?.rated(rate);
  }

  onFrame(buffer) {
    const frame = readFrame(buffer);
    const stream = frame && this.#byNumber.get(frame.number);
    if (!stream) return;
    stream.last = frame;
    stream.frameAt = Math.max(stream.frameAt ?? 0, frame.at);
    for (const picture of stream.viewers) picture.take(frame);
  }

  // `who` looks at the stream now, and needs at most `fps`; no stream: looks away.
  want(who, stream, fps) {
    if (stream) this.#wants.set(who, { stream, fps });
    else this.#wants.delete(who);
    this.#askSoon();
  }

  #askSoon() {
    if (this.#soon) return;
    this.#soon = true;
    queueMicrotask(() => {
      this.#soon = false;
      this.#ask();
    });
  }

  #wanted() {
    const wanted = new Map();
    if (document.hidden) return wanted;
    for (const { stream, fps } of this.#wants.values()) {
      if (stream.number !== null) wanted.set(stream.number, Math.max(fps, wanted.get(stream.number) ?? 0));
    }
    return wanted;
  }

  // Say what changed since we last said it.
  #ask() {
    if (!this.link?.isOpen) return;
    const wanted = this.#wanted(), byFps = new Map();
    const gone = [...this.#sent.keys()].filter((number) => !wanted.has(number));
    for (const [number, fps] of wanted) {
      if (this.#sent.get(number) !== fps) byFps.set(fps, [...byFps.get(fps) ?? [], number]);
    }
    if (gone.length) this.link.send({ type: 'unsubscribe', streams: gone });
    for (const [fps, numbers] of byFps) this.link.send({ type: 'subscribe', streams: numbers, fps });
    this.#sent = wanted;
  }
}
