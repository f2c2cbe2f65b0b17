// SPDX-License-Identifier: MIT
// What the Socket.IO tests share: the echo, a raw client, conditions with deadlines, and TAP.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const build = process.env.SLUICE_BUILD ?? 'build';
const file = basename(process.argv[1]);
const SECONDS = 40; // for anything that is waited for: a sanitizer on a busy machine is slow
const CALM = ['--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '45000'];

export class Program {
  constructor(name = 'echo', args = CALM) {
    this.path = join(build, 'examples', name);
    this.args = args;
    this.port = 0;
    this.said = '';
  }

  async start() {
    this.process = spawn(this.path, ['--port', String(this.port), ...this.args], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.ended = new Promise((done) => this.process.on('exit', (code, signal) => done(signal ?? code)));
    const lines = createInterface({ input: this.process.stderr });
    this.port = Number(await within(`the start of ${this.path}`, new Promise((done, failed) => {
      lines.on('line', (line) => {
        this.said += line + '\n';
        const m = /listening on port (\d+)|:(\d+)\/ws/.exec(line);
        if (m) done(m[1] ?? m[2]);
      });
      lines.on('close', () => failed(new Error(`it does not start: ${this.said}`)));
    })));
    return this;
  }

  async stop() {
    this.process.kill('SIGTERM');
    same(await within('its end', this.ended), 0, `exit code (${this.said})`);
  }

  get url() {
    return `http://127.0.0.1:${this.port}`;
  }
}

// A hub on a folder and a port of its own, which it keeps when it is started again.
export class Hub {
  folder = mkdtempSync(join(tmpdir(), 'sluice-e2e-'));
  port = 0;
  said = '';

  constructor(...args) {
    this.args = args;
  }

  async start() {
    const ready = join(this.folder, 'ready');
    rmSync(ready, { force: true });
    this.process = spawn(join(build, 'sluice'), ['serve', '--listen', `127.0.0.1:${this.port}`,
      '--data', join(this.folder, 'data'), '--ready-file', ready, ...this.args], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.ended = new Promise((done) => this.process.on('exit', (code, signal) => done(signal ?? code)));
    this.process.stderr.on('data', (text) => { this.said += text; });
    await within('the start of the hub', (async () => {
      while (!existsSync(ready)) await pause(10);
    })());
    this.port = Number(readFileSync(ready, 'utf8').trim().split(':').at(-1));
    this.url = `http://127.0.0.1:${this.port}`;
  }

  async stop() {
    this.process.kill('SIGTERM');
    same(await within('its end', this.ended), 0, `exit code (${this.said.slice(-2000)})`);
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

export function within(what, promise, seconds = SECONDS) {
  let timer;
  const late = new Promise((_, failed) => {
    timer = setTimeout(() => failed(new Error(`not within ${seconds} s: ${what}`)), seconds * 1000);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// The arguments of the next event of this name.
export function next(emitter, event) {
  return within(`"${event}"`, new Promise((done) => emitter.once(event, (...args) => done(args))));
}

const shown = (v) => JSON.stringify(v, (_, x) => (x instanceof Uint8Array ? `<${Buffer.from(x).toString('hex').slice(0, 40)}>` : x));

// Deep equality, where a Buffer equals any array of the same bytes.
function equal(a, b) {
  if (a instanceof ArrayBuffer) a = new Uint8Array(a);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return Object.is(a, b);
  const keys = Object.keys(a);
  return Array.isArray(a) === Array.isArray(b) && keys.length === Object.keys(b).length && keys.every((k) => equal(a[k], b[k]));
}

export function same(got, wanted, what = 'value') {
  if (!equal(got, wanted)) throw new Error(`${what}: ${shown(got)?.slice(0, 300)}, not ${shown(wanted)?.slice(0, 300)}`);
}

// One Engine.IO session by WebSocket without a library; what comes is read one by one.
export class Raw {
  constructor(program, revision = 4, more = '') {
    this.ws = new WebSocket(`ws://127.0.0.1:${program.port}/socket.io/?EIO=${revision}&transport=websocket${more}`);
    this.got = [];
    this.waiting = [];
    const put = (what) => (this.waiting.shift() ?? ((x) => this.got.push(x)))(what);
    this.ws.on('message', (data, binary) => put(binary ? data : data.toString()));
    this.ws.on('close', (code) => {
      this.code = code;
      put(null);
    });
    this.ws.on('error', () => {});
  }

  // The next packet, null for the end; heartbeats are answered and not shown.
  async read() {
    for (;;) {
      const what = this.got.length ? this.got.shift() : await within('a packet', new Promise((done) => this.waiting.push(done)));
      if (what !== '2') return what;
      this.ws.send('3');
    }
  }

  send(what) {
    this.ws.send(what);
  }

  // Past the open packet, in "/".
  async join() {
    await this.read();
    this.send('40');
    same((await this.read()).slice(0, 9), '40{"sid":', 'CONNECT');
    same(await this.read(), '42["auth",{}]', 'greeting');
    return this;
  }

  close() {
    this.ws.terminate();
  }
}

let bad = 0;

export async function check(name, fn) {
  const began = Date.now();
  try {
    await fn();
    const took = Date.now() - began;
    console.log(`ok - ${file}: ${name}${took > 5000 ? ` (${Math.round(took / 1000)} s)` : ''}`);
  } catch (e) {
    bad++;
    console.log(`not ok - ${file}: ${name}\n# ${String(e.stack).split('\n').join('\n# ')}`);
  }
}

// Run the checks; all of it ends with the last one.
export async function main(fn) {
  await fn().catch((e) => {
    bad++;
    console.log(`not ok - ${file}: ${e.stack}`);
  });
  process.exit(bad ? 1 : 0);
}
