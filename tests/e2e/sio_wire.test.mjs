// SPDX-License-Identifier: MIT
// Socket.IO byte by byte at examples/echo: what it sends, and what it does not put up with; and
// the examples relay and rooms with socket.io-client 4.x and 2.x.
import io2 from 'socket.io-client-2';
import io4 from 'socket.io-client-4';
import { Program, Raw, check, main, next, same, within } from './sio_kit.mjs';

const echo = await new Program().start();

const BAD = ['4', '47', '4x', '42', '42{}', '42"a"', '42[', '42["a"', '42[]', '42[null]', '42[{"a":1}]', '42["connect"]', '42["disconnecting"]',
  '42abc["a"]', '43[]', '431{}', '45["a"]', '450-["a"]', '4511-["a"]', '451-["a",{"_placeholder":true,"num":1}]', '41[]', '40[]', '40"x"',
  '42/custom,["not joined"]', '41/custom,', '44{"message":"x"}', '8', '42["a",NaN]', '42["a","\x01"]', '42["a","\\x"]', Buffer.from('unasked'),
  Buffer.from([0xff, 0xfe])];

async function bad_packets() {
  const bystander = await new Raw(echo).join();
  for (const bad of BAD) {
    const raw = await new Raw(echo).join();
    raw.send(bad);
    raw.send('42["message","deaf"]');
    same(await raw.read(), null, `after ${bad}`);
  }
  bystander.send('42["message","well"]');
  same(await bystander.read(), '42["message-back","well"]', 'bystander');
  bystander.close();
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

main(async () => {
  await check('what it says, to the byte', exact);
  await check('revision 3, to the byte', revision_3);
  await check(`${BAD.length} kinds of bad packets`, bad_packets);
  await check('JSON that is 100,000 deep', deep);
  await check('who joins nothing is closed', no_connect);
  await check('a stop says no DISCONNECT', stop);
  await check('the relay', relay);
  await check('the chat', chat);
  await echo.stop();
});
