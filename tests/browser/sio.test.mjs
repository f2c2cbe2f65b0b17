// SPDX-License-Identifier: MIT
// build: release
//
// Socket.IO from a page of another origin: npm socket.io-client 4 in Chromium at examples/echo, by each
// way; which websites are let in, with and without credentials.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Program } from '../e2e/sio_kit.mjs';
import { check, run, same } from './kit.mjs';

const script = readFileSync(new URL('../../node_modules/socket.io-client-4/dist/socket.io.min.js', import.meta.url));
const WAYS = [['polling'], ['websocket'], ['polling', 'websocket']];
const CALM = ['--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '45000'];
const REFUSED = /CORS policy|Failed to load resource/; // what Chromium says of it itself

const site = createServer((request, answer) => {
  const isScript = request.url === '/io.js';
  answer.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
  answer.end(isScript ? script : '<!doctype html><link rel="icon" href="data:,"><script src="/io.js"></script>');
});

// In the page: what it saw, or why it could not connect.
async function talk({ url, transports, withCredentials }) {
  const socket = globalThis.io(url, { transports, withCredentials, forceNew: true, reconnection: false, timeout: 20000 });
  const next = (event) => new Promise((done) => socket.once(event, (...args) => done(args)));
  const all = (seen) => (seen instanceof ArrayBuffer ? [...new Uint8Array(seen)] : seen);
  try {
    const refused = await Promise.race([next('connect').then(() => ''), next('connect_error').then(([e]) => e.message)]);
    if (refused) return { refused };
    const engine = socket.io.engine;
    if (transports.length > 1 && engine.transport.name === 'polling') await new Promise((done) => engine.once('upgrade', done));
    const back = next('message-back');
    socket.emit('message', 'größer 😀', { deep: [new Uint8Array([0, 30, 255])] });
    const [text, { deep }] = await back;
    const acked = await socket.timeout(20000).emitWithAck('message-with-ack', new Uint8Array([1, 2]).buffer);
    socket.once('question', (said, answer) => answer(said, new Uint8Array([3])));
    const answer = next('answer');
    socket.emit('ask', 'really?');
    const [said, bytes] = await answer;
    return { by: engine.transport.name, text, deep: all(deep[0]), acked: all(acked), said, bytes: all(bytes) };
  } finally {
    socket.close();
  }
}

const seen = (by) => ({ by, text: 'größer 😀', deep: [0, 30, 255], acked: [1, 2], said: 'really?', bytes: [3] });

// A page of this website talks to an echo by each way; `wanted` of transport and way.
async function each(browser, website, echo, withCredentials, wanted) {
  const page = await browser.open(website, { expected: REFUSED });
  for (const transports of WAYS) {
    const got = await page.evaluate(talk, { url: echo.url, transports, withCredentials });
    same(JSON.stringify(got), JSON.stringify(wanted(transports)), transports.join(' and '));
  }
  await page.context().close();
}

const well = (transports) => seen(transports.at(-1));
const refused = (transports) => ({ refused: transports[0] === 'polling' ? 'xhr poll error' : 'websocket error' });

run(async (reflecting, browser) => {
  await new Promise((done) => site.listen(0, done));
  const own = `http://127.0.0.1:${site.address().port}`, other = own.replace('127.0.0.1', 'localhost');
  const anybody = await new Program('echo', ['--cors', '*', ...CALM]).start();
  const choosy = await new Program('echo', ['--cors', `https://a.example,${own}`, ...CALM]).start();

  await check('any website with its cookies', async () => {
    await each(browser, own, reflecting, true, well);
    await each(browser, other, reflecting, true, well);
  });
  await check('any website without cookies, and none with them', async () => {
    await each(browser, own, anybody, false, well);
    await each(browser, own, anybody, true, (ways) => (ways[0] === 'polling' ? refused(ways) : well(ways)));
  });
  await check('those of a list, and no other', async () => {
    await each(browser, own, choosy, true, well);
    await each(browser, other, choosy, true, refused);
    await each(browser, other, choosy, false, refused);
  });
  await Promise.all([anybody.stop(), choosy.stop()]);
  site.close();
}, new Program('echo', CALM));
