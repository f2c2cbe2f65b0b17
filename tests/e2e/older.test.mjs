// SPDX-License-Identifier: MIT
// Older dashboards of glass as browsers run them: socket.io-client 4.x, 3.x and 2.x, by each way,
// and a device beside them; the hub goes away and comes back.
import { rmSync } from 'node:fs';
import io2 from 'socket.io-client-2';
import io3 from 'socket.io-client-3';
import io4 from 'socket.io-client-4';
import { Hub, check, main, pause, same, within } from './sio_kit.mjs';

const VERSIONS = { 4: io4, 3: io3, 2: io2 };
const WAYS = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };
const IMAGE = Buffer.alloc(90_000, 'picture').toString('base64');

// What comes is kept, in order; wait for what you expect.
class Client {
  heard = [];
  wake = () => {};

  constructor(hub, version, way, hello, more = {}) {
    this.socket = VERSIONS[version](hub.url, { transports: WAYS[way], forceNew: true, reconnection: false, timeout: 40000, ...more });
    this.greeted = 0;
    this.socket.on('connect', () => {
      this.socket.emit('client:hello', hello, () => {
        this.greeted++;
        this.wake();
      });
    });
    for (const event of ['stream:frame', 'device:status', 'error', 'device:frame'])
      this.socket.on(event, (m) => {
        this.heard.push([event, m]);
        this.wake();
      });
  }

  async until(what, condition) {
    await within(what, (async () => {
      while (!condition()) await Promise.race([new Promise((done) => { this.wake = done; }), pause(50)]);
    })());
    return this;
  }

  // So many greetings of ours have been answered.
  ready(n = 1) {
    return this.until('the answer to hello', () => this.greeted >= n);
  }

  async next(event, wanted) {
    const is = ([name, m]) => name === event && wanted(m);
    await this.until(`${event} ${wanted}`, () => this.heard.some(is));
    const i = this.heard.findIndex(is);
    return this.heard.splice(0, i + 1)[i][1];
  }

  close() {
    this.socket.close();
  }
}

async function one(hub, version, way) {
  const name = `${version} ${way}`;
  const board = await new Client(hub, version, way, { role: 'Dashboard' }).ready();
  const device = await new Client(hub, version, way, { role: 'jetson', deviceId: name }).ready();
  const mine = (m) => m.deviceId === name;
  same(await board.next('device:status', mine), { online: true, deviceId: name });
  const defects = [{ type: 'ไทย 😀 \u2028', confidence: '87.00%', image_url: null }, { type: 'chip', bbox: [1, 2, 3, 4] }];
  device.socket.emit('jetson:frame', { image: IMAGE, mime: 'image/webp', time: '2026-02-08T10:00:00ZZ', defects });
  same(await board.next('stream:frame', mine),
    { dataUrl: `data:image/webp;base64,${IMAGE}`, time: '2026-02-08T10:00:00ZZ', defects, deviceId: name });
  device.socket.emit('device:status', { online: false, deviceId: name });
  same(await board.next('device:status', mine), { online: false, deviceId: name });
  if (way === 'upgrade')
    await board.until('the upgrade', () => board.socket.io.engine.transport.name === 'websocket');
  device.close();
  same(await board.next('device:status', mine), { online: false, deviceId: name });
  same(device.heard, [], 'what a device hears');
  board.close();
}

// Three cameras, a dashboard of each version and way: all get the newest of each in the end.
async function crowd(hub) {
  const boards = [];
  for (const version of Object.keys(VERSIONS))
    for (const way of Object.keys(WAYS)) boards.push(await new Client(hub, version, way, { role: 'dashboard' }).ready());
  const device = await new Client(hub, 4, 'websocket', { role: 'device', deviceId: 'a' }).ready();
  for (let i = 0; i <= 60; i++)
    for (const deviceId of ['a', 'b', 'c']) device.socket.emit('device:frame', { image: IMAGE.slice(0, 20_000), time: i, deviceId });
  for (const board of boards) {
    for (const id of ['a', 'b', 'c'])
      await board.until(`the last of ${id}`, () => board.heard.some(([, m]) => m.deviceId === id && m.time === 60));
    for (const id of ['a', 'b', 'c']) {
      const times = board.heard.filter(([e, m]) => e === 'stream:frame' && m.deviceId === id).map(([, m]) => m.time);
      same(times, [...new Set(times)].sort((x, y) => x - y), `frames of ${id}: in order, none twice`);
    }
    board.close();
  }
  device.close();
}

async function restart(hub) {
  const back = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };
  const boards = Object.keys(VERSIONS).map((version) => new Client(hub, version, 'upgrade', { role: 'dashboard' }, back));
  for (const board of boards) await board.ready();
  const device = await new Client(hub, 4, 'websocket', { role: 'device', deviceId: 'pi' }, back).ready();
  await hub.stop();
  await hub.start();
  for (const c of [...boards, device]) await c.ready(2);
  device.socket.emit('device:frame', { image: IMAGE, time: 'again' });
  for (const board of boards) {
    same((await board.next('stream:frame', (m) => m.time === 'again')).deviceId, 'pi');
    board.close();
  }
  device.close();
}

main(async () => {
  const hub = new Hub();
  await hub.start();
  try {
    for (const version of Object.keys(VERSIONS))
      for (const way of Object.keys(WAYS)) await check(`client ${version}.x by ${way}`, () => one(hub, version, way));
    await check('dashboards of every version, the newest of each camera', () => crowd(hub));
    await check('the hub is restarted, and all come back', () => restart(hub));
    await check('the hub ends well', () => hub.stop());
  } finally {
    hub.process.kill('SIGKILL');
    rmSync(hub.folder, { recursive: true, force: true });
  }
});
