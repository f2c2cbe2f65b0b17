// SPDX-License-Identifier: MIT
// Durable ingest with Node's http and better-sqlite3, answered after the commit.
//   ingest_node.mjs PORT DB row      a transaction for each record
//   ingest_node.mjs PORT DB batch    one for all records of a turn of the event loop
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Database from 'better-sqlite3';

const [port, path, mode] = process.argv.slice(2);
const db = new Database(path);

db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec(`
  CREATE TABLE IF NOT EXISTS defect(
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, device_id TEXT, defect_type TEXT NOT NULL,
    detected_at INTEGER NOT NULL, confidence REAL, status TEXT NOT NULL DEFAULT 'pending',
    created_at INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS defect_detected_at ON defect(detected_at);
  CREATE INDEX IF NOT EXISTS defect_device ON defect(device_id, detected_at);
  CREATE INDEX IF NOT EXISTS defect_status ON defect(status, detected_at);
`);
const insert = db.prepare(`INSERT INTO defect(id, device_id, defect_type, detected_at, confidence, created_at, body)
  VALUES(?, ?, ?, ?, ?, ?, ?)`);

function store({ id, device, message, body }) {
  const at = Date.parse(message.timestamp) * 1000;
  return insert.run(id, device, message.defect_type, at, message.confidence, Date.now() * 1000, body).lastInsertRowid;
}

function answer(response, status, value) {
  const text = JSON.stringify(value);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}

let waiting = [];
const storeAll = db.transaction((records) => {
  for (const r of records) r.seq = store(r);
});

function commit() {
  const records = waiting;
  waiting = [];
  storeAll(records);
  for (const r of records) answer(r.response, 200, { ok: true, id: r.id, seq: r.seq, stored: true, duplicate: false });
}

function take(record) {
  waiting.push(record);
  if (mode === 'row') commit();
  else if (waiting.length === 1) setImmediate(commit);
}

const server = createServer((request, response) => {
  let body = '';

  request.setEncoding('utf8');
  request.on('data', (text) => { body += text; });
  request.on('end', () => {
    let message;
    try {
      message = JSON.parse(body);
    } catch { /* answered below */ }
    if (request.method !== 'POST' || request.url !== '/api/device/detections') answer(response, 404, { error: 'no such path' });
    else if (typeof message?.defect_type !== 'string') answer(response, 400, { error: 'defect_type is missing' });
    else take({ id: randomUUID(), device: request.headers['x-device-id'], message, body, response });
  });
});

server.keepAliveTimeout = 60000;
server.listen(Number(port), '127.0.0.1', 1024);
