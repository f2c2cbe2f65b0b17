// SPDX-License-Identifier: MIT
// The relay with npm `socket.io`, written the way its manual does.
import { createServer } from 'node:http';
import { Server } from 'socket.io';

const server = createServer();
const io = new Server(server, { serveClient: false });

io.on('connection', (socket) => {
  socket.on('sludge-data', (x) => io.emit('sludge-data-update', x));
});
server.listen(Number(process.argv[2]), '127.0.0.1', 4096);
