#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A server for test_client.py, of Python: sio_server.py aiohttp|flask PORT. It behaves as examples/echo does."""
import signal, sys

way, port = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def by_aiohttp():
    import socketio
    from aiohttp import web

    sio = socketio.AsyncServer(async_mode='aiohttp', ping_interval=2, max_http_buffer_size=10_000_000)
    app = web.Application()
    sio.attach(app)

    def serve(nsp):
        @sio.on('connect', namespace=nsp)
        async def connect(sid, environ, auth):
            if nsp == '/auth' and (auth or {}).get('token') != 'secret':
                raise socketio.exceptions.ConnectionRefusedError('unauthorized', {'code': 401})
            await sio.emit('auth', auth or {}, to=sid, namespace=nsp)  # before the answer to CONNECT

        @sio.on('message', namespace=nsp)
        async def message(sid, *args):
            await sio.emit('message-back', args, to=sid, namespace=nsp)

        @sio.on('message-with-ack', namespace=nsp)
        async def message_with_ack(sid, *args):
            return args

        @sio.on('ask', namespace=nsp)
        async def ask(sid, *args):
            async def answer(*got):
                await sio.emit('answer', got, to=sid, namespace=nsp)
            await sio.emit('question', args, to=sid, namespace=nsp, callback=answer)

        @sio.on('disconnect-me', namespace=nsp)
        async def disconnect_me(sid, hard):
            await sio.disconnect(sid, namespace=nsp)

    for nsp in ('/', '/custom', '/auth'):
        serve(nsp)
    web.run_app(app, host='127.0.0.1', port=port, print=lambda *_: print('listening', file=sys.stderr, flush=True),
                handle_signals=True)


def by_flask():
    from flask import Flask, request
    from flask_socketio import ConnectionRefusedError, SocketIO, disconnect, emit

    app = Flask('echo')
    sio = SocketIO(app, async_mode='threading', ping_interval=2, max_http_buffer_size=10_000_000)

    def serve(nsp):
        @sio.on('connect', namespace=nsp)
        def connect(auth=None):
            if nsp == '/auth' and (auth or {}).get('token') != 'secret':
                raise ConnectionRefusedError('unauthorized')
            emit('auth', auth or {})

        @sio.on('message', namespace=nsp)
        def message(*args):
            emit('message-back', args)

        @sio.on('message-with-ack', namespace=nsp)
        def message_with_ack(*args):
            return args

        @sio.on('ask', namespace=nsp)
        def ask(*args):
            sid = request.sid
            emit('question', args, callback=lambda *got: sio.emit('answer', got, to=sid, namespace=nsp))

        @sio.on('disconnect-me', namespace=nsp)
        def disconnect_me(hard):
            disconnect()

    for nsp in ('/', '/custom', '/auth'):
        serve(nsp)
    print('listening', file=sys.stderr, flush=True)
    sio.run(app, host='127.0.0.1', port=port, allow_unsafe_werkzeug=True)


by_aiohttp() if way == 'aiohttp' else by_flask()
