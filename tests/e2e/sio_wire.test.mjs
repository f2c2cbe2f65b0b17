// SPDX-License-Identifier: MIT
// Socket.IO byte by byte at examples/echo: what it sends, and what it does not put up with; and
// the examples relay and rooms with socket.io-client 4.x and 2.x.
import io2 from 'socket.io-client-2';
import io4 from 'socket.io-client-4';
import { Program, Raw, check, main, next, same, within } from './sio_kit.mjs';

const echo = await new Program().start();

// Each ends the connection; an array: its packets, one behind the other.
const BAD = [
  // Engine.IO: no packet, no such type, the server's own, heartbeats the wrong way
  '', '8', 'x', '0{}', '2', Buffer.from('unasked'), Buffer.from([0xff, 0xfe]),
  // no such type, or one that only a server sends
  '4', '47', '4x', '4-1', '44{"message":"x"}', '44/custom,"x"',
  // payloads that are missing, no JSON, or of another kind
  '42', '42{}', '42"a"', '42[', '42["a"', '42["a"]]', '42["a",]', '42["a"] x', '42["a",NaN]', '42["a","\x01"]', '42["a","\\x"]', '42["a",01]',
  '40[]', '40"x"', '401', '40null', '40/custom,[]', '41[]', '41{}', '43[]', '431{}', '431', '461-1{}', '46["a"]',
  // events without a name that may be one
  '42[]', '42[null]', '42[true]', '42[["a"]]', '42[{"a":1}]',
  ...['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'].map((name) => `42["${name}"]`),
  '42["\\u0063onnect"]',
  // ids
  '42abc["a"]', '421x["a"]', '42-1["a"]', '429007199254740992["a"]', '4299999999999999999999["a"]',
  // attachments: how many, where, and what comes instead
  '45["a"]', '45-["a"]', '45x-["a"]', '450-["a"]', '451["a"]', '4511-["a"]', '4599999999999-["a"]', '451-["a",{"_placeholder":true,"num":1}]',
  ...['-1', '0.5', '"0"', 'null', '4294967296'].map((num) => `451-["a",{"_placeholder":true,"num":${num}}]`),
  ['451-["a",{"_placeholder":true,"num":0}]', '42["message","in between"]'], ['451-["a",{"_placeholder":true,"num":0}]', '40/custom,'],
  ['451-["a",{"_placeholder":true,"num":0}]', Buffer.from('one'), Buffer.from('and one more')],
  // namespaces that it is not in
  '42/custom,["not joined"]', '41/custom,', ['41', '42["left"]'],
];
const EARLY = ['42["before CONNECT"]', '41', '431[]', '451-["a",{"_placeholder":true,"num":0}]', Buffer.from('early')];
const BAD_3 = ['', '8', '42', '42[]', '42["connect"]', '42abc["a"]', '42/custom,["not joined"]', '3', Buffer.from([]), Buffer.from([9, 1]),
  Buffer.from('4ascii'), Buffer.from([4, 1])];

async function ended(raw, bad) {
  for (const one of [bad].flat()) raw.send(one);
  raw.send('42["message","deaf"]');
  same(await raw.read(), null, `after ${JSON.stringify(bad)}`);
}

async function bad_packets() {
  const bystander = await new Raw(echo).join();
  for (const bad of BAD) await ended(await new Raw(echo).join(), bad);
  for (const bad of EARLY) {
    const raw = new Raw(echo);
    await raw.read();
    await ended(raw, bad);
  }
  for (const bad of BAD_3) {
    const raw = new Raw(echo, 3);
    for (let k = 0; k < 3; k++) await raw.read();
    await ended(raw, bad);
  }
  bystander.send('42["message","well"]');
  same(await bystander.read(), '42["message-back","well"]', 'bystander');
  bystander.close();
}

// What is refused by WebSocket is refused by polling: nobody knows the session afterwards.
async function bad_posts() {
  const url = `${echo.url}/socket.io/?EIO=4&transport=polling`;
  await Promise.all(BAD.filter((bad) => typeof bad === 'string').map(async (bad) => {
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1)), of = `${url}&sid=${sid}`;
    const post = async (body) => (await fetch(of, { method: 'POST', body })).status;
    same(await post('40'), 200, 'CONNECT');
    const said = await post(bad);
    same([200, 400].includes(said), true, `${said} for ${bad}`);
    const poll = await fetch(of);
    same([poll.status, (await poll.json()).code], [400, 1], `the poll after ${bad}`);
  }));
}

async function deep() {
  const bystander = await new Raw(echo).join();
  for (const [open, close] of [['[', ']'], ['{"a":', '}']]) {
    const raw = await new Raw(echo).join();
    raw.send(`42["message",${open.repeat(100000)}1${close.repeat(100000)}]`);
    same(await raw.read(), null, 'after a deep one');
    const fine = `42["message",${open.repeat(500)}1${close.repeat(500)}]`;
    bystander.send(fine);
    same(await bystander.read(), fine.replace('message', 'message-back'), 'one within the limit');
  }
  bystander.close();
}

async function revision_3() {
  const raw = new Raw(echo, 3);
  same((await raw.read()).slice(0, 8), '0{"sid":', 'open');
  same(await raw.read(), '40', 'CONNECT');
  same(await raw.read(), '42["auth",{}]', 'greeting');
  raw.send('40/auth?token=secret&x=a%20b,');
  same(await raw.read(), '40/auth,', 'CONNECT');
  same(await raw.read(), '42/auth,["auth",{"token":"secret","x":"a b"}]', 'its auth');
  raw.send('451-["message",{"_placeholder":true,"num":0}]');
  raw.send(Buffer.from([4, 1, 2]));
  same(await raw.read(), '451-["message-back",{"_placeholder":true,"num":0}]', 'event');
  same(await raw.read(), Buffer.from([4, 1, 2]), 'its attachment');
  raw.close();
}

async function exact() {
  const raw = await new Raw(echo).join();
  for (const [said, heard] of [
    ['40/nowhere,', '44/nowhere,{"message":"Invalid namespace"}'],
    ['40/auth,{"token":"wrong"}', '44/auth,{"message":"unauthorized","data":{"code":401}}'],
    ['420["message-with-ack"]', '430[]'],
    ['429007199254740991["message-with-ack",1.50,"\\u00e9"]', '439007199254740991[1.50,"\\u00e9"]'],
    ['42["ask"]', '420["question"]'], ['430["x"]', '42["answer","x"]'], ['42["ask",1]', '421["question",1]'],
    ['42["disconnect-me"]', '41'],
  ]) {
    raw.send(said);
    same(await raw.read(), heard, said);
  }
  raw.send('42["message","crossed"]'); // it could not know yet
  raw.send('40{"again":1}');
  same((await raw.read()).slice(0, 9), '40{"sid":', 'CONNECT');
  same(await raw.read(), '42["auth",{"again":1}]', 'greeting');
  raw.send('42["disconnect-me",true]');
  same(await raw.read(), '41', 'DISCONNECT');
  same(await raw.read(), null, 'the end');
}

async function no_connect() {
  const hasty = await new Program('echo', ['--connect-timeout', '100', '--ping-interval', '25000']).start();
  const raw = new Raw(hasty);
  await raw.read();
  raw.send('40/nowhere,');
  same(await raw.read(), '44/nowhere,{"message":"Invalid namespace"}', 'refusal');
  same(await raw.read(), null, 'the end');
  await hasty.stop();
}

async function stop() {
  const gone = await new Program().start(), raw = await new Raw(gone).join();
  await gone.stop();
  const last = await raw.read(); // a close of Engine.IO at most, never a DISCONNECT: clients must come back
  same(last === null || last === '1', true, `the last packet is ${last}`);
}

const options = { transports: ['websocket'], forceNew: true, reconnection: false };

async function relay() {
  const program = await new Program('relay', []).start();
  const all = [io4(program.url, options), io2(program.url, options), io4(program.url, options)];
  await Promise.all(all.map((one) => next(one, 'connect')));
  const frames = [];
  all[0].on('stream:frame', (x) => frames.push(x));
  for (const [i, sender] of all.entries()) {
    const data = all.map((one) => next(one, 'sludge-data-update'));
    sender.emit('sludge-data', { from: i, bytes: Buffer.from([i]) });
    for (const one of data) same(await one, [{ from: i, bytes: Buffer.from([i]) }], 'sludge-data-update');
    const seen = all.filter((one) => one !== sender).map((one) => next(one, 'stream:frame'));
    sender.emit('device:frame', { deviceId: i, frame: 'x'.repeat(100000) });
    for (const one of seen) same((await one)[0].deviceId, i, 'stream:frame');
    const back = next(sender, 'echo');
    sender.emit('echo', { n: i });
    same(await back, [{ n: i }], 'echo');
  }
  same(frames.map((x) => x.deviceId), [1, 2], 'nobody sees its own frame');
  for (const one of all) one.close();
  await program.stop();
}

async function chat() {
  const program = await new Program('rooms', []).start(), said = [];
  const ask = (one, ...what) => within(`the ack of ${what[0]}`, new Promise((done) => one.emit(...what, done)));
  const nameless = io4(program.url, options);
  same((await next(nameless, 'connect_error'))[0].message, 'say your name, in 1 to 62 bytes', 'refusal');
  nameless.close();
  const [ada, bob] = ['ada', 'böb "2"'].map((name) => io4(program.url, { ...options, auth: { name } }));
  for (const event of ['said', 'joined', 'left']) ada.on(event, (...args) => said.push([event, ...args]));
  same(await ask(ada, 'join', 'kitchen'), 1, 'people');
  same(await ask(bob, 'join', 'kitchen'), 2, 'people');
  const heard = next(bob, 'said');
  bob.emit('say', 'is there coffee? ☕');
  same(await heard, ['böb "2"', 'is there coffee? ☕'], 'said');
  bob.close();
  await next(ada, 'left');
  same(said, [['joined', 'ada'], ['joined', 'böb "2"'], ['said', 'böb "2"', 'is there coffee? ☕'], ['left', 'böb "2"']], 'what ada heard');
  same(await ask(ada, 'join', 'hall'), 1, 'people');
  ada.close();
  await program.stop();
}

// A program on its own libuv loop; it stops while clients are there.
async function own_loop() {
  const program = await new Program('own_loop', []).start(), one = io4(program.url, options), poller = io4(program.url, { ...options, transports: ['polling'] });
  const [[n], [m]] = await Promise.all([next(one, 'tick'), next(poller, 'tick')]);
  same(n >= 1 && m >= 1, true, 'ticks');
  await program.stop();
  for (const client of [one, poller]) client.close();
}

main(async () => {
  await check('what it says, to the byte', exact);
  await check('revision 3, to the byte', revision_3);
  await check(`${BAD.length + EARLY.length + BAD_3.length} kinds of bad packets`, bad_packets);
  await check('and by polling', bad_posts);
  await check('JSON that is 100,000 deep', deep);
  await check('who joins nothing is closed', no_connect);
  await check('a stop says no DISCONNECT', stop);
  await check('the relay', relay);
  await check('the chat', chat);
  await check('a loop of its own', own_loop);
  await echo.stop();
});
