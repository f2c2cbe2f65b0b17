// SPDX-License-Identifier: MIT
// Engine.IO clients against an echo; what they saw is told as one line of JSON.
//
//   node npm_eio.mjs PORT REVISION polling,websocket CLIENTS MESSAGES STAY_MS
//
// Each client sends numbered messages of all sizes, some binary, waits for their echo in order, stays on
// for as many heartbeats as fit into STAY_MS, and closes. STAY_MS 0: it stays until the server ends it.
import { createRequire } from 'node:module';

const [port, revision, transports, clients, messages, stay] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const Socket = revision === '3' ? require('engine.io-client-3') : require('engine.io-client-6').Socket;
const SIZES = [0, 1, 125, 126, 5000, 70000];

function text(i) {
  return `${i} ${'é😀'.repeat(SIZES[i % SIZES.length] / 8)}`;
}

function bytes(i) {
  return Buffer.alloc(4 + SIZES[i % SIZES.length], i % 251);
}

function isRight(data, i) {
  if (i % 4 !== 3) return data === text(i);
  const got = data instanceof ArrayBuffer ? Buffer.from(data) : data;
  return Buffer.isBuffer(got) && got.equals(bytes(i));
}

function one() {
  return new Promise((done) => {
    const seen = { opened: '', upgraded: false, got: 0, wrong: 0, left: '' };
    const socket = new Socket(`http://127.0.0.1:${port}`, { transports: transports.split(','), path: '/engine.io/' });
    let sent = 0;

    function send() { // not all at once: some of it goes while the transport changes
      for (let n = 0; n < 7 && sent < Number(messages); n++, sent++) socket.send(sent % 4 === 3 ? bytes(sent) : text(sent));
      if (sent < Number(messages)) setTimeout(send, 1);
    }
    socket.on('open', () => {
      seen.opened = socket.transport.name;
      send();
      if (stay === '0') process.stdout.write('ready\n');
    });
    socket.on('upgrade', () => { seen.upgraded = true; });
    socket.on('message', (data) => {
      if (!isRight(data, seen.got)) seen.wrong++;
      if (++seen.got === Number(messages) && stay !== '0') setTimeout(() => socket.close(), Number(stay));
    });
    socket.on('close', (reason) => {
      seen.left = reason;
      done(seen);
    });
  });
}

console.log(JSON.stringify(await Promise.all(Array.from({ length: Number(clients) }, one))));
process.exit(0);
