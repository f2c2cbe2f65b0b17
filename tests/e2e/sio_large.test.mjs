// SPDX-License-Identifier: MIT
// seconds: 240
// Payloads of 900 KB and 10 MB at examples/echo with socket.io-client 4, by each way and both ways;
// at the limit, and one byte beyond it.
import io from 'socket.io-client-4';
import { Program, Raw, check, main, next, same, within } from './sio_kit.mjs';

const CALM = ['--ping-interval', '60000', '--ping-timeout', '60000', '--connect-timeout', '60000'];
const WAYS = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };
const KB_900 = 900_000, MB_10 = 10_000_000, LIMIT = 16 << 20, DEFAULT = 1_000_000;

const roomy = await new Program('echo', ['--max-payload', String(LIMIT), ...CALM]).start();
const usual = await new Program('echo', CALM).start();

async function connect(server, transports) {
  const socket = io(server.url, { transports, forceNew: true, reconnection: false, timeout: 60000 });
  await next(socket, 'auth');
  if (transports.length > 1 && socket.io.engine.transport.name === 'polling') await next(socket.io.engine, 'upgrade');
  return socket;
}

// Of `n` bytes on the wire, none like the one 256 before it: what is cut or doubled shows.
function text(n) {
  return Array.from({ length: Math.ceil(n / 10) }, (_, i) => `é${String(i).padStart(8, '0')}`).join('').slice(0, n - Math.ceil(n / 10));
}

function bytes(n) {
  const all = Buffer.alloc(n);
  for (let i = 0; i + 4 <= n; i += 4) all.writeUInt32LE(i * 2654435761 % 2 ** 32, i);
  return all;
}

async function back(socket, what) {
  const got = next(socket, 'message-back');
  socket.emit('message', what);
  return (await got)[0];
}

const acked = (socket, what) => within('the ack', new Promise((done) => socket.emit('message-with-ack', what, done)));
const isSame = (a, b) => (typeof a === 'string' ? a === b : Buffer.compare(a, b) === 0);

async function large(way, n) {
  const socket = await connect(roomy, WAYS[way]);
  try {
    for (const what of [text(n), bytes(n)]) {
      same(isSame(await back(socket, what), what), true, `${typeof what} of ${n} back`);
      if (n === KB_900) same(isSame(await acked(socket, what), what), true, `${typeof what} of ${n} acknowledged`);
    }
    same(await back(socket, 'and on'), 'and on', 'afterwards');
  } finally {
    socket.close();
  }
}

// What a packet of `n` bytes that comes by WebSocket is answered with: the length of its echo, or the end's code.
async function byWebSocket(server, n) {
  const raw = await new Raw(server).join(), frame = '42["message",""]';
  raw.send(`42["message","${'x'.repeat(n - frame.length)}"]`);
  const got = await raw.read();
  raw.close();
  return got === null ? `closed ${raw.code}` : got.length;
}

// The status of a POST of `n` bytes, and of the poll behind it.
async function byPost(server, n) {
  const url = `${server.url}/socket.io/?EIO=4&transport=polling`, frame = '42["message",""]';
  const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1)), of = `${url}&sid=${sid}`;
  await fetch(of, { method: 'POST', body: '40' });
  await (await fetch(of)).text();
  const post = await fetch(of, { method: 'POST', body: `42["message","${'x'.repeat(n - frame.length)}"]` }).then((a) => a.status, () => 413);
  return [post, (await fetch(of)).status];
}

async function limits(server, limit) {
  const grown = '-back'.length;
  same(await byWebSocket(server, limit), limit + grown, 'the largest by WebSocket');
  same(await byWebSocket(server, limit + 1), 'closed 1009', 'one byte more');
  same(await byPost(server, limit), [200, 200], 'the largest POST');
  same(await byPost(server, limit + 1), [413, 400], 'one byte more');
}

// As an application sees it: the connection ends, whoever else is there stays.
async function beyond() {
  const bystander = await connect(usual, ['websocket']);
  for (const way of Object.keys(WAYS)) {
    for (const what of [text(DEFAULT + 100_000), bytes(DEFAULT + 1)]) {
      const socket = await connect(usual, WAYS[way]), gone = next(socket, 'disconnect');
      socket.emit('message', what);
      same(/^transport (close|error)$/.test((await gone)[0]), true, `${way} is told`);
      socket.close();
    }
  }
  same(await back(bystander, 'well'), 'well', 'bystander');
  bystander.close();
}

main(async () => {
  for (const way of Object.keys(WAYS)) {
    await check(`900 KB by ${way}`, () => large(way, KB_900));
    await check(`10 MB by ${way}`, () => large(way, MB_10));
  }
  await check('at the limit of 1 MB, and beyond', () => limits(usual, DEFAULT));
  await check('at a limit of 16 MiB, and beyond', () => limits(roomy, LIMIT));
  await check('who sends too much is closed, and nobody else', beyond);
  await roomy.stop();
  await usual.stop();
});
