// SPDX-License-Identifier: MIT
// npm ws clients, driven by lines of JSON on stdin; what happens to them is told on stdout.
//
//   {"do":"open","id":1,"url":"ws://…"}            opens client 1; "watch":n counts messages, "quiet" drops them;
//                                                  "deflate":{…} are its options for permessage-deflate
//   {"do":"send","id":1,"base64":"…","fin":false}  sends; "binary", "fin"
//   {"do":"ping"|"close"|"terminate"|"pause"|"resume", "id":1}
//   {"do":"pump","id":1,"text":"…"}                sends the text again and again until it is closed
//   {"do":"many","id":1,"url":"…","clients":64,"each":50}   echo on many connections at once
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';

const clients = new Map();
const options = { perMessageDeflate: false, maxPayload: 128 << 20 };

function tell(event) {
  process.stdout.write(JSON.stringify(event) + '\n');
}

// Numbered messages must come as 0, 1, 2 …; every so often it is told how far we are.
function count(id, every) {
  let next = 0;
  return (data) => {
    const m = /"n":(\d+)/.exec(data.toString('latin1'));
    if (!m || Number(m[1]) !== next) tell({ id, event: 'error', why: `message ${m?.[1]} where ${next} belongs` });
    next++;
    if (next % every === 0) tell({ id, event: 'counted', n: next });
  };
}

const actions = {
  open({ id, url, watch, quiet, deflate }) {
    const ws = new WebSocket(url, { ...options, perMessageDeflate: deflate ?? false });
    const counted = watch && count(id, watch);
    clients.set(id, ws);
    ws.on('open', () => tell({ id, event: 'open', agreed: ws.extensions }));
    ws.on('message', (data, binary) => {
      if (counted) counted(data);
      else if (!quiet) tell({ id, event: 'message', binary, base64: data.toString('base64') });
    });
    ws.on('pong', (data) => tell({ id, event: 'pong', text: data.toString() }));
    ws.on('close', (code, reason) => tell({ id, event: 'close', code, reason: reason.toString() }));
    ws.on('error', (e) => tell({ id, event: 'error', why: e.message }));
  },
  send({ id, base64, binary, fin = true }) {
    clients.get(id).send(Buffer.from(base64, 'base64'), { binary, fin });
  },
  ping({ id, text }) { clients.get(id).ping(text); },
  close({ id, code, reason }) { clients.get(id).close(code, reason); },
  terminate({ id }) { clients.get(id).terminate(); },
  pause({ id }) { clients.get(id).pause(); },
  resume({ id }) { clients.get(id).resume(); },
  pump({ id, text }) {
    const ws = clients.get(id);
    const more = () => {
      if (ws.readyState === WebSocket.OPEN) ws.send(text, () => setImmediate(more));
    };
    more();
  },
  async many({ id, url, clients: n, each }) {
    try {
      await Promise.all(Array.from({ length: n }, (_, i) => converse(url, i, each)));
      tell({ id, event: 'done' });
    } catch (e) {
      tell({ id, event: 'error', why: e.message });
    }
  },
};

// One of many: messages of its own, sizes around the wire's steps; each must come back as it was sent.
function converse(url, seed, each) {
  const sizes = [0, 1, 125, 126, 127, 4096, 65535, 65536, 70000];
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, options);
    let n = 0, sent, binary;
    const next = () => {
      if (n === each) return ws.close(1000, 'all came back');
      binary = (n + seed) % 2 === 1;
      const bytes = createHash('sha256').update(`${seed}.${n}`).digest(binary ? 'latin1' : 'hex');
      const size = sizes[(n + seed) % sizes.length];
      sent = Buffer.from(bytes.repeat(size / bytes.length + 1).slice(0, size), 'latin1');
      n++;
      ws.send(sent, { binary });
    };
    ws.on('open', next);
    ws.on('message', (data, isBinary) => {
      if (isBinary !== binary || !data.equals(sent)) {
        reject(new Error(`client ${seed}, message ${n}: ${data.length} bytes for ${sent.length}, binary ${isBinary}`));
        ws.terminate();
      } else {
        next();
      }
    });
    ws.on('close', (code, reason) => {
      if (code === 1000 && n === each) resolve();
      else reject(new Error(`client ${seed}: closed with ${code} ${reason} at message ${n}`));
    });
    ws.on('error', reject);
  });
}

createInterface({ input: process.stdin })
  .on('line', (line) => { const what = JSON.parse(line); actions[what.do](what); })
  .on('close', () => process.exit(0));
