// SPDX-License-Identifier: MIT
// A server for test_client.py, of npm: node sio_server.mjs 4|2 PORT [RECORD]. It behaves as examples/echo does, and keeps
// the numbers of "record" in a file before it acknowledges them.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const [version, port, record] = process.argv.slice(2);
const http = createServer();
const how = { pingInterval: 2000, pingTimeout: 20000, maxHttpBufferSize: 10_000_000 };
const io = version === '2' ? require('socket.io-2')(http, how) : new (require('socket.io-4').Server)(http, how);

function serve(socket) {
  socket.emit('auth', version === '2' ? socket.handshake.query : socket.handshake.auth);
  socket.on('message', (...args) => socket.emit('message-back', ...args));
  socket.on('message-with-ack', (...args) => args.pop()(...args));
  socket.on('ask', (...args) => socket.emit('question', ...args, (...answer) => socket.emit('answer', ...answer)));
  socket.on('disconnect-me', (hard) => socket.disconnect(hard));
  socket.on('record', (n, done) => {
    appendFileSync(record, `${n}\n`);
    done(n);
  });
}

for (const name of ['/', '/custom']) io.of(name).on('connection', serve);
io.of('/auth').use((socket, next) => {
  const token = version === '2' ? socket.handshake.query.token : socket.handshake.auth.token;
  const error = new Error('unauthorized');
  error.data = { code: 401 };
  next(token === 'secret' ? undefined : error);
});
io.of('/auth').on('connection', serve);
http.listen(Number(port), '127.0.0.1', () => console.error('listening'));
process.on('SIGTERM', () => process.exit(0));
