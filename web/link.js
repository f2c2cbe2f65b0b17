// SPDX-License-Identifier: MIT
// The connection to the hub, docs/live-wire.md: opens, notices when nothing comes any more, and
// tries again for ever. Meanwhile it finds out whether the hub answers at all.
import { forgetClock, hubNow, learnClock } from './clock.js';
import { Source } from './source.js';

const RETRY_MS = 3000;    // the first one comes sooner
const OPEN_MS = 8000;     // a handshake that takes longer leads nowhere
const SILENCE_MS = 12000; // the hub speaks at least every 5 s

export class Link extends Source {
  state = 'connecting'; // open, waiting
  version = null;
  tries = 0;        // in vain, since it was last open
  nextAt = 0;       // performance.now() of the next one
  asOf = null;      // hub time of the last message, while we have no connection
  answers = null;   // does the hub answer HTTP; null: not known
  health = null;
  heardAt = performance.now();
  #socket = null;
  #timer = 0;

  // on.open(), on.message(object), on.frame(ArrayBuffer), on.poll(): HTTP alone works
  constructor(on) {
    super();
    this.on = on;
    setInterval(() => this.#watch(), 1000);
    addEventListener('online', () => this.retry());
    document.addEventListener('visibilitychange', () => document.hidden || this.retry());
    this.#open();
  }

  get isOpen() {
    return this.state === 'open';
  }

  get canEdit() {
    return this.isOpen || this.answers === true;
  }

  get silentMs() {
    return performance.now() - this.heardAt;
  }

  send(message) {
    if (this.isOpen) this.#socket.send(JSON.stringify(message));
  }

  // At once instead of when it is time.
  retry() {
    if (this.state !== 'waiting') return;
    clearTimeout(this.#timer);
    this.#open();
  }

  #open() {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}/api/live`, 'sluice.v1');
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lose(), OPEN_MS);
    this.state = 'connecting';
    socket.onmessage = ({ data }) => socket === this.#socket && this.#take(data);
    socket.onclose = () => socket === this.#socket && this.#lose();
    this.changed();
  }

  #take(data) {
    this.heardAt = performance.now();
    if (typeof data !== 'string') {
      this.on.frame(data);
      return;
    }
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not for us
    }
    if (message.type === 'hello') this.#greet(message);
    else if (message.type === 'time') learnClock(message.now_us);
    else this.on.message(message);
  }

  #greet(hello) {
    clearTimeout(this.#timer);
    forgetClock();
    learnClock(hello.now_us);
    Object.assign(this, { state: 'open', version: hello.version, tries: 0, asOf: null, answers: true });
    this.on.open();
    this.changed();
    this.look();
  }

  #lose() {
    const socket = this.#socket;
    this.#socket = null; // what it still says is of no interest
    clearTimeout(this.#timer);
    socket.close();
    this.asOf ??= hubNow() - this.silentMs;
    this.tries++;
    this.state = 'waiting';
    const wait = this.tries === 1 ? RETRY_MS / 3 : RETRY_MS;
    this.nextAt = performance.now() + wait;
    this.#timer = setTimeout(() => this.#open(), wait);
    this.changed();
    this.look();
  }

  // Ask by HTTP how the hub is.
  async look() {
    try {
      const answer = await fetch('/health', { cache: 'no-store', signal: AbortSignal.timeout(RETRY_MS) });
      this.health = await answer.json(); // also with 503: then it says why it refuses
      this.answers = true;
    } catch {
      this.answers = this.isOpen;
    }
    this.changed();
    if (!this.isOpen && this.answers) this.on.poll();
  }

  // A cable that was pulled closes nothing.
  #watch() {
    if (!this.isOpen || this.silentMs < SILENCE_MS / 2) return;
    if (this.silentMs > SILENCE_MS) this.#lose();
    else this.send({ type: 'ping' });
  }
}
