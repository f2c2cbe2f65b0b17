// SPDX-License-Identifier: MIT
// seconds: 240
// examples/echo with the original clients, 4.x, 3.x and 2.x, by each of their ways.
import io2 from 'socket.io-client-2';
import io3 from 'socket.io-client-3';
import io4 from 'socket.io-client-4';
import { Program, check, main, next, same, within } from './sio_kit.mjs';

const VERSIONS = { 4: io4, 3: io3, 2: io2 };
const WAYS = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };
const UNICODE = 'größer, 漢字, ไทย, 😀, \u2028, "quoted\\", \u0000\u001e\u007f';
const MANY = 10000;
const only = process.env.SLUICE_SIO_ONLY; // "4 polling": one of them

// `at`: an echo of its own, a version and a way.
class Client {
  constructor({ echo, version, way }, nsp = '/', more = {}) {
    this.version = version;
    this.options = { transports: WAYS[way], forceNew: true, reconnection: false, timeout: 40000, ...more };
    this.socket = VERSIONS[version](echo.url + nsp, this.options);
    this.manager = this.socket.io;
    this.greeted = next(this.socket, 'auth');
  }

  // Joined, and its greeting has come.
  async ready() {
    this.greeting = (await this.greeted)[0];
    return this;
  }

  get engine() {
    return this.manager.engine;
  }

  emit(...args) {
    this.socket.emit(...args);
  }

  next(event) {
    return next(this.socket, event);
  }

  // Emit, and give what the server acknowledges.
  ask(event, ...args) {
    return within(`the ack of ${event}`, new Promise((done) => this.socket.emit(event, ...args, (...got) => done(got))));
  }

  async back(...args) {
    const got = this.next('message-back');
    this.emit('message', ...args);
    return got;
  }

  // A version 2 error is a string or an object, a later one an Error.
  refused() {
    return this.version === '2' ? next(this.socket, 'error').then(([e]) => e) : next(this.socket, 'connect_error').then(([e]) => e);
  }

  close() {
    this.manager._reconnection = false;
    this.socket.close();
    this.manager.engine?.close();
  }
}

async function with_client(at, fn, nsp, more) {
  const client = new Client(at, nsp, more);
  try {
    await client.ready();
    await fn(client);
  } finally {
    client.close();
  }
}

async function events(c) {
  same(c.greeting, {}, 'auth');
  for (const args of [[], ['x'], [1, 2.5, -0.001, 2 ** 53, 1e300], [null, true, false, [], {}], [UNICODE], [{ [UNICODE]: [{ a: [[]] }] }],
    ['', { _placeholder: false, num: 0 }]])
    same(await c.back(...args), args, 'message-back');
}

async function binary(c) {
  const bytes = Buffer.from([0, 1, 2, 250, 4, 30, 255]), empty = Buffer.alloc(0);
  for (const args of [[bytes], [empty], [{ deep: [{ er: bytes }], more: [empty, 'x', bytes] }, 'y', bytes]]) {
    same(await c.back(...args), args, 'message-back');
    same(await c.ask('message-with-ack', ...args), args, 'ack');
  }
  const ten = Array.from({ length: 10 }, (_, i) => Buffer.alloc(i * 100, i));
  same(await c.back(ten), [ten], 'ten attachments');
}

async function acks(c) {
  same(await c.ask('message-with-ack', 1, { a: UNICODE }), [1, { a: UNICODE }], 'ack');
  same(await c.ask('message-with-ack'), [], 'ack without arguments');
  c.socket.on('question', (...args) => args.pop()(...args, 'yes', Buffer.from('no')));
  for (const args of [[], ['really?', [1]]]) {
    const got = c.next('answer');
    c.emit('ask', ...args);
    same(await got, [...args, 'yes', Buffer.from('no')], 'answer');
  }
  const all = await Promise.all(Array.from({ length: 200 }, (_, i) => c.ask('message-with-ack', i)));
  same(all, Array.from({ length: 200 }, (_, i) => [i]), 'many acks');
}

async function large(c) {
  const text = 'é'.repeat(450000), bytes = Buffer.alloc(600000, 'abc');
  same((await c.back(text))[0] === text, true, '900 KB of text');
  same(await c.back({ bytes }), [{ bytes }], '600 KB of binary');
  same((await c.ask('message-with-ack', text))[0] === text, true, '900 KB acknowledged');
}

// Begun before an upgrade can have ended.
async function order(c) {
  const seen = within(`${MANY} answers`, new Promise((done, failed) => {
    let n = 0;
    c.socket.on('message-back', (i) => {
      if (i !== n) failed(new Error(`${i} came where ${n} belongs`));
      else if (++n === MANY) done();
    });
  }), 120);
  for (let i = 0; i < MANY; i++) c.emit('message', i);
  await seen;
  const burst = within('the burst', new Promise((done, failed) => {
    let n = 0;
    c.socket.on('seq', (i) => (i !== n ? failed(new Error(`seq ${i} where ${n} belongs`)) : ++n === MANY && done()));
  }), 120);
  c.emit('burst', MANY);
  await burst;
}

async function volatiles(c) {
  const got = [];
  c.socket.on('vseq', (i) => got.push(i));
  for (const n of [1, 500]) {
    const done = c.next('vdone');
    got.length = 0;
    c.emit('volatile-burst', n);
    same(await done, [n], 'vdone');
    same(got, [...got].sort((a, b) => a - b), 'order');
    same(got.length <= n, true, 'how many');
  }
}

async function rooms(at) {
  const [a, b, c] = await Promise.all([0, 1, 2].map(() => new Client(at).ready()));
  try {
    for (const one of [a, b]) same(await one.ask('join', 'röom'), ['joined'], 'ack');
    const heard = [];
    for (const one of [a, c]) one.socket.on('room-msg', (...args) => heard.push(args));
    const got = b.next('room-msg'), all = [a, b, c].map((one) => one.next('all-msg'));
    a.emit('to-room', 'röom', 1, Buffer.from('two'));
    same(await got, [1, Buffer.from('two')], 'room-msg');
    c.emit('to-all', 'all', Buffer.from('of you'));
    for (const one of all) same(await one, ['all', Buffer.from('of you')], 'all-msg');
    same(heard, [], 'who is not meant');
    same(await b.ask('leave', 'röom'), ['left'], 'ack');
    b.socket.on('room-msg', (...args) => heard.push(args));
    a.emit('to-room', 'röom', 'gone');
    same(await a.ask('message-with-ack', 1), [1], 'settled');
    same(await b.ask('message-with-ack', 2), [2], 'settled');
    same(heard, [], 'who has left');
  } finally {
    for (const one of [a, b, c]) one.close();
  }
}

async function namespaces(at) {
  const v2 = at.version === '2', c = await new Client(at).ready();
  const on = (nsp, more) => c.manager.socket(nsp, v2 ? { query: more } : { auth: more });
  try {
    const custom = on('/custom', { who: 'ü&=1' });
    custom.connect(); // twice by then, which harms nobody
    same(await next(custom, 'auth'), [{ who: 'ü&=1' }], 'auth of /custom');
    same(custom.id !== c.socket.id, true, 'an id of its own');
    const refusal = async (socket) => (await next(socket, v2 ? 'error' : 'connect_error'))[0];
    const unknown = await refusal(on('/nowhere')), guarded = on('/auth', { token: 'wrong' });
    same(v2 ? unknown : unknown.message, v2 ? unknown : 'Invalid namespace', 'unknown namespace');
    same(v2 ? JSON.stringify(unknown).includes('Invalid namespace') : true, true, 'its reason');
    const auth = await refusal(guarded);
    same(v2 ? auth : [auth.message, auth.data], v2 ? { code: 401 } : ['unauthorized', { code: 401 }], 'refusal');
    if (!v2) {
      guarded.auth = { token: 'secret' };
      guarded.connect();
      same(await next(guarded, 'auth'), [{ token: 'secret' }], 'let in');
    }
    const back = next(custom, 'message-back');
    custom.emit('message', 'in /custom', Buffer.from('x'));
    same(await back, ['in /custom', Buffer.from('x')], 'message-back');
    same(await c.back('in /'), ['in /'], 'message-back');
    custom.disconnect();
    same(await c.back('still here'), ['still here'], 'message-back');
    const again = next(custom, 'auth');
    custom.connect();
    await again;
    const kicked = next(custom, 'disconnect');
    custom.emit('disconnect-me');
    same((await kicked)[0], 'io server disconnect', 'reason');
    same(await c.back('and still'), ['and still'], 'message-back');
    const gone = next(c.socket, 'disconnect');
    c.emit('disconnect-me', true);
    same((await gone)[0], 'io server disconnect', 'reason');
  } finally {
    c.close();
  }
}

async function token(at) {
  const v2 = at.version === '2', more = v2 ? {} : { auth: { token: 'secret' } };
  await with_client(at, async (c) => same(c.greeting, { token: 'secret' }, 'auth'),
    v2 ? '/auth?token=secret' : '/auth', more);
}

async function upgraded(at) {
  const c = new Client(at);
  await next(c.manager, 'open');
  await next(c.engine, 'upgrade');
  same(c.engine.transport.name, 'websocket', 'transport');
  await c.ready();
  same(await c.back('by websocket'), ['by websocket'], 'message-back');
  c.close();
}

async function restart(at) {
  const { echo } = at, c = new Client(at, '/', { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
  try {
    await c.ready();
    const gone = c.next('disconnect');
    await echo.stop();
    same(/^transport (close|error)$/.test((await gone)[0]), true, 'it is told that the connection ended, not the namespace');
    const back = c.next('auth');
    await echo.start();
    await back;
    same(await c.back('again'), ['again'], 'message-back');
  } finally {
    c.close();
  }
}

async function all_of(version, way) {
  const at = { version, way, echo: await new Program().start() }, name = `${version}.x by ${way}`;
  await check(`${name}: events`, () => with_client(at, events));
  await check(`${name}: binary`, () => with_client(at, binary));
  await check(`${name}: acks`, () => with_client(at, acks));
  await check(`${name}: 900 KB`, () => with_client(at, large));
  await check(`${name}: ${MANY} in order`, () => with_client(at, order));
  await check(`${name}: volatile`, () => with_client(at, volatiles));
  await check(`${name}: rooms`, () => rooms(at));
  await check(`${name}: namespaces, and leaving`, () => namespaces(at));
  await check(`${name}: a token`, () => token(at));
  if (way === 'upgrade') await check(`${name}: the upgrade`, () => upgraded(at));
  await check(`${name}: back after a restart`, () => restart(at));
  await at.echo.stop();
}

main(async () => {
  const each = Object.keys(VERSIONS).flatMap((version) => Object.keys(WAYS).map((way) => [version, way]));
  await Promise.all(each.filter((one) => !only || only === one.join(' ')).map((one) => all_of(...one)));
});
