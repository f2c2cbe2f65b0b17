// SPDX-License-Identifier: MIT
// The connection to the hub: opens, says who we are, notices when nothing comes any more,
// and tries again every three seconds for ever.

const RETRY_MS = 3000;
const PING_MS = 15000;
const SILENCE_MS = 40000;

export class Link {
  // on.message(object), on.state('open' | 'waiting', {tries, nextAt, since})
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.tries = 0;
    this.since = null;
    setInterval(() => this.#check(), PING_MS);
    this.#open();
  }

  #open() {
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onopen = () => {
      this.tries = 0;
      this.since = null;
      socket.send('{"type":"web_client"}');
      this.on.state('open', this);
    };
    socket.onmessage = (event) => {
      this.heardAt = performance.now();
      let message = null;
      try {
        message = JSON.parse(event.data);
      } catch {
        return; // not for us
      }
      this.on.message(message);
    };
    socket.onclose = () => {
      if (socket !== this.socket) return;
      this.since ??= Date.now();
      this.tries++;
      this.nextAt = Date.now() + RETRY_MS;
      this.on.state('waiting', this);
      setTimeout(() => this.#open(), RETRY_MS);
    };
  }

  // A cable that was pulled closes nothing: ask, and give up on who does not answer.
  #check() {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (performance.now() - this.heardAt > SILENCE_MS) {
      const dead = this.socket;
      dead.onmessage = null;
      dead.close();
      dead.onclose(); // its own may take minutes
      this.socket.onclose = null;
      return;
    }
    this.socket.send('{"type":"ping"}');
  }
}
