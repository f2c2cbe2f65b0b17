// SPDX-License-Identifier: MIT
// The same relay with npm `ws`, written the way its manual does: one send per client.
import { WebSocketServer } from 'ws';

const viewers = new Set();
const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  path: '/ws',
  perMessageDeflate: false,
  maxPayload: 16 * 1024 * 1024,
});

server.on('connection', (socket) => {
  viewers.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => viewers.delete(socket));
  socket.on('message', (data, isBinary) => {
    const text = data.toString();
    const { type } = JSON.parse(text);

    if (type === 'device_register') viewers.delete(socket);
    else if (type === 'echo') socket.send(text);
    else if (type === 'frame' || type === 'detection') {
      for (const viewer of viewers) {
        if (viewer !== socket) viewer.send(data, { binary: isBinary });
      }
    }
  });
});
