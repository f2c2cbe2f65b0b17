#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# seconds: 240
"""Older glass devices and dashboards, which speak Socket.IO: each rule of theirs, on the real hub,
by polling, WebSocket and upgrade; and across to the raw WebSocket and our own page."""
import base64, contextlib, json, os, queue, socket, time, unittest

import websocket
from camera import Camera, jpeg
from hub import SLUICE, Hub, Viewer
from kit import SECONDS, wait_for
from test_hub import HubTest
from test_live import Page
from test_metrics import parse

try:
    import socketio
except ImportError:
    raise unittest.SkipTest('python3-socketio is not installed: tools/setup test')

WAYS = {'polling': ['polling'], 'websocket': ['websocket'], 'upgrade': ['polling', 'websocket']}
EVENTS = ('stream:frame', 'device:status', 'device:frame', 'client:hello', 'device:register', 'error')


class Client:
    """python3-socketio, as the device's program and older dashboards use it."""

    def __init__(self, hub, way='websocket', hello=None, **how):
        self.heard, self.hello = queue.Queue(), hello
        self.sio = socketio.Client(reconnection=how.pop('reconnection', False), reconnection_delay=0.05,
                                   reconnection_delay_max=0.2)
        for event in EVENTS:
            self.sio.on(event, lambda *args, event=event: self.heard.put((event, *args)))
        self.sio.on('connect', self._greet)
        self.sio.connect(f'http://{hub.address}', transports=WAYS[way], wait_timeout=SECONDS, **how)

    def _greet(self):
        if self.hello is not None:
            self.sio.emit('client:hello', self.hello)

    def emit(self, event, *args):
        self.sio.emit(event, args)

    def frame(self, picture=b'\xff\xd8\xff', **more):
        text = base64.b64encode(picture).decode()
        self.emit('device:frame', {'image': text, **more})
        return text

    def next(self, event, **wanted):
        """The next one of these, with these values; what comes between is passed over."""
        deadline = time.monotonic() + SECONDS
        while True:
            name, *args = self.heard.get(timeout=max(0.01, deadline - time.monotonic()))
            if name == event and all(args[0].get(k) == v for k, v in wanted.items()):
                return args[0]

    def settle(self):
        """Whatever the hub sent before now has come: what that was."""
        done = []
        self.sio.emit('dashboard:start', (), callback=lambda *args: done.append(args))
        wait_for(lambda: done, 'an answer')
        seen = []
        with contextlib.suppress(queue.Empty):
            while True:
                seen.append(self.heard.get_nowait())
        return seen

    def close(self):
        self.sio.disconnect()


class Wire:
    """Socket.IO by WebSocket, packet by packet."""

    def __init__(self, hub, eio=4, **how):
        self.ws = websocket.create_connection(f'ws://{hub.address}/socket.io/?EIO={eio}&transport=websocket', timeout=SECONDS, **how)
        self.opened = json.loads(self.ws.recv()[1:])
        if eio == 4:
            self.ws.send('40')
        self.joined = self.ws.recv()

    def emit(self, text):
        self.ws.send('42' + text)

    def next(self, event=''):
        while True:
            text = self.ws.recv()
            if text == '2':
                self.ws.send('3')
            elif text.startswith(f'42["{event}'):
                return text[2:]

    def settle(self):
        """All that the hub sent before now."""
        self.ws.send('42999["dashboard:start"]')
        seen = []
        while not (text := self.ws.recv()).startswith('43999'):
            seen.append(text)
        return seen

    def close(self):
        self.ws.close(timeout=1)


class OlderTest(HubTest):
    def client(self, way='websocket', hello=None, **how):
        return self.open(Client(self.hub, way, hello, **how))

    def dashboard(self, way='websocket', **how):
        c = self.client(way, {'role': 'dashboard'}, **how)
        c.settle()
        return c

    def device(self, device='raspberry-pi-1', way='websocket', **how):
        return self.client(way, {'role': 'device', 'deviceId': device}, **how)

    def wire(self, *events, **how):
        w = self.open(Wire(self.hub, **how))
        for e in events:
            w.emit(e)
        return w

    def looking(self, role='dashboard', **how):
        w = self.wire(json.dumps(['client:hello', {'role': role}]), **how)
        w.settle()
        return w


class Rules(OlderTest):
    def test_the_handshake_is_the_hub_s_own(self):
        w = self.wire()
        self.assertEqual((w.opened['pingInterval'], w.opened['pingTimeout'], w.opened['maxPayload']), (25000, 60000, 16 << 20))
        self.assertEqual((w.opened['upgrades'], w.joined[:9]), ([], '40{"sid":'))
        status, headers, body = self.hub.get('/socket.io/?EIO=4&transport=polling')
        self.assertEqual((status, body[:1], json.loads(body[1:])['upgrades']), (200, b'0', ['websocket']))

    def test_only_who_said_dashboard_hears_of_anything(self):
        hearing = [self.looking(role) for role in ('dashboard', 'DASHBOARD', 'Dashboard')]
        deaf = [self.looking(role) for role in ('device', 'Jetson', 'viewer', '', None, 7)]
        deaf += [self.wire('["client:hello"]'), self.wire('["client:hello",null]'), self.wire('["client:hello",{}]'),
                 self.wire('["client:hello","dashboard"]'), self.wire()]
        self.device().frame()
        for w in hearing:
            self.assertEqual(w.next(), '["device:status",{"online":true,"deviceId":"raspberry-pi-1"}]')
            self.assertIn('stream:frame', w.next())
        for w in deaf:
            self.assertEqual([t for t in w.settle() if t.startswith('42')], [])

    def test_whoever_stops_being_a_dashboard_hears_no_more(self):
        w = self.looking()
        w.emit('["client:hello",{"role":"device"}]')
        self.device().frame()
        self.assertEqual(w.settle(), [])

    def test_online_is_told_by_hello_and_by_either_register_once(self):
        w = self.looking()
        for i, event in enumerate(('["client:hello",{"role":"DEVICE","deviceId":"d0"}]', '["client:hello",{"role":"jetson","deviceId":"d1"}]',
                                   '["device:register",{"deviceId":"d2"}]', '["jetson:register",{"deviceId":"d3"}]',
                                   '["device:register",{}]')):
            name = f'd{i}' if i < 4 else 'unknown'
            d = self.wire(event, event, '["device:register",{"deviceId":"%s"}]' % name)
            d.settle()
            self.assertEqual(w.settle(), ['42["device:status",{"online":true,"deviceId":"%s"}]' % name])
            other = self.wire('["device:register",{"deviceId":"%s"}]' % name)  # the same once more
            other.settle()
            d.close()
            self.assertEqual(w.settle(), [])  # one of them is there still
            other.close()
            self.assertEqual(w.next(), '["device:status",{"online":false,"deviceId":"%s"}]' % name)

    def test_another_name_is_another_device(self):
        w = self.looking()
        d = self.wire('["device:register",{"deviceId":"a"}]', '["device:register",{"deviceId":"b"}]')
        d.settle()
        self.assertEqual([json.loads(t[2:])[1] for t in w.settle()],
                         [{'online': True, 'deviceId': 'a'}, {'online': False, 'deviceId': 'a'}, {'online': True, 'deviceId': 'b'}])

    def test_a_frame_is_passed_on_byte_for_byte(self):
        w = self.looking()
        d = self.wire('["device:register",{"deviceId":"pi"}]')
        odd = '[ {"type" : "chip","confidence":"87.00%","image_url":null}, {"type":"é\\u00e9","bbox":[1.0,2,3e0, 4]} ]'
        d.emit('["device:frame",{"image":"A\\/9j+\\u0041==","mime":"image/png","time":"2026-02-08T10:00:00.123ZZ",'
               '"deviceId":"oth\\u0065r","defects":%s,"extra":1}]' % odd)
        w.next('device')
        self.assertEqual(w.next(), '["stream:frame",{"dataUrl":"data:image/png;base64,A\\/9j+\\u0041==",'
                         '"time":"2026-02-08T10:00:00.123ZZ","defects":%s,"deviceId":"oth\\u0065r"}]' % odd)
        large = base64.b64encode(jpeg('red', 3_000_000)).decode()
        d.emit('["jetson:frame",{"image":"%s","time":5,"defects":[{"n":2.8404}],"deviceId":7}]' % large)
        self.assertTrue(w.next() == '["stream:frame",{"dataUrl":"data:image/jpeg;base64,%s","time":5,"defects":[{"n":2.8404}],"deviceId":7}]' % large)

    def test_what_a_frame_does_not_say_has_a_default(self):
        w = self.looking()
        unnamed, named = self.wire(), self.wire('["client:hello",{"role":"device","deviceId":"pi-7"}]')
        for d, device in ((unnamed, 'unknown'), (named, 'pi-7')):
            for more in ('', ',"mime":null,"time":null,"defects":null,"deviceId":null', ',"mime":"","time":"","defects":{},"deviceId":""'):
                d.emit('["device:frame",{"image":"/9j/"%s}]' % more)
                m = json.loads(w.next('stream'))[1]
                self.assertEqual(list(m), ['dataUrl', 'time', 'defects', 'deviceId'])
                self.assertEqual((m['dataUrl'], m['defects'], m['deviceId']), ('data:image/jpeg;base64,/9j/', [], device))
                self.assertRegex(m['time'], r'^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z$')

    def test_without_an_image_it_is_no_frame(self):
        w, d = self.looking(), self.wire()
        for payload in ('{}', '{"image":null}', '{"image":7}', '{"image":["x"]}', '{"frame":"/9j/"}', '"x"', 'null', '[]'):
            d.emit('["device:frame",%s]' % payload)
        d.emit('["device:frame"]')
        d.settle()
        self.assertEqual(w.settle(), [])
        self.assertEqual([k['reason'] for k in self.hub.json('/api/knocks')['knocks'] if k['reason'] != 'wrong_value'], ['missing_field'])

    def test_a_socket_may_be_nobody_s_presence(self):
        w, d = self.looking(), self.wire()
        d.emit('["device:frame",{"image":"/9j/","deviceId":"shy"}]')
        self.assertIn('"deviceId":"shy"', w.next())
        self.assertEqual(self.hub.json('/devices'), {'total': 0, 'devices': []})
        d.close()
        d = self.wire('["client:hello",{"role":"device"}]')
        d.settle()
        self.assertEqual(self.hub.json('/devices')['total'], 0)
        self.assertEqual(w.settle(), [])

    def test_status_is_passed_on(self):
        w, d = self.looking(), self.wire('["client:hello",{"role":"none","deviceId":"pi"}]')
        for said, passed in (('{ "online":false, "deviceId":"x" ,"t":1.50}',) * 2, ('{"online":true,"t":1.50}', '{"online":true,"t":1.50,"deviceId":"pi"}')):
            for event in ('device:status', 'jetson:status'):
                d.emit('["%s",%s]' % (event, said))
                self.assertEqual(w.next(), '["device:status",%s]' % passed)

    def test_what_is_reserved_and_what_is_unknown_does_no_harm(self):
        w, d = self.looking(), self.wire()
        for event in ('dashboard:start', 'dashboard:stop', 'dashboard:pause', 'dashboard:resume', 'stream:frame', 'nonsense', 'x' * 500):
            for s in (w, d):
                s.emit('["%s",{"image":"/9j/"}]' % event)
        self.assertEqual([t for s in (w, d) for t in s.settle()], [])


class Ways(OlderTest):
    def test_every_way_in_and_out(self):
        for out in WAYS:
            board = self.dashboard(out)
            for way in WAYS:
                device = self.device(f'{way}-to-{out}', way)
                board.next('device:status', deviceId=f'{way}-to-{out}', online=True)
                sent = device.frame(jpeg('red', 60_000), defects=[{'type': 'chip', 'confidence': '87.00%'}], time='2026-02-08T10:00:00ZZ')
                m = board.next('stream:frame')
                self.assertEqual(m, {'dataUrl': 'data:image/jpeg;base64,' + sent, 'time': '2026-02-08T10:00:00ZZ',
                                     'defects': [{'type': 'chip', 'confidence': '87.00%'}], 'deviceId': f'{way}-to-{out}'})
                device.close()
                if way != 'polling':  # this client may stop writing before it has said goodbye: then silence tells, after 85 s
                    board.next('device:status', deviceId=f'{way}-to-{out}', online=False)

    def test_a_client_of_2x_is_let_in(self):
        w = self.open(Wire(self.hub, eio=3))
        self.assertEqual(w.joined, '40')
        w.emit('["client:hello",{"role":"dashboard"}]')
        self.device().frame()
        self.assertIn('"online":true', w.next())
        self.assertIn('stream:frame', w.next())

    def test_who_comes_late_is_told_who_is_there(self):
        self.device('a')
        gone = self.device('b')
        wait_for(lambda: self.hub.json('/devices')['total'] == 2, 'both')
        gone.close()
        wait_for(lambda: self.hub.json('/devices')['total'] == 1, 'one')
        w = self.wire('["client:hello",{"role":"dashboard"}]')
        self.assertEqual([json.loads(t[2:])[1] for t in w.settle()],
                         [{'online': False, 'deviceId': 'b'}, {'online': True, 'deviceId': 'a'}])

    def test_a_restart_of_the_hub_and_everybody_is_back(self):
        board = self.dashboard('upgrade', reconnection=True)
        device = self.device('pi', reconnection=True)
        board.next('device:status', deviceId='pi', online=True)
        self.hub.stop()
        self.hub.start()
        wait_for(lambda: device.sio.connected and self.hub.json('/devices')['total'] == 1, 'the device')
        wait_for(lambda: board.sio.connected, 'the dashboard')
        board.settle()
        sent = device.frame()
        self.assertTrue(board.next('stream:frame')['dataUrl'].endswith(sent))


class Across(OlderTest):
    def test_a_raw_camera_on_older_dashboards(self):
        w = self.looking()
        camera = self.camera('cam-7')
        self.assertEqual(w.next(), '["device:status",{"online":true,"deviceId":"cam-7"}]')
        for picture in (jpeg('red', 100_000), b'\xff\xd8\xff'):
            sent = camera.frame(picture, defects=[1])
            m = json.loads(w.next())[1]
            self.assertEqual((m['dataUrl'], m['defects'], m['deviceId']), ('data:image/jpeg;base64,' + sent, [], 'cam-7'))
            self.assertLess(abs(time.time() - time.mktime(time.strptime(m['time'][:19], '%Y-%m-%dT%H:%M:%S')) + time.timezone), 10)
        camera.send(type='frame', frame='data:image/png;base64,AAAA')
        self.assertEqual(json.loads(w.next())[1]['dataUrl'], 'data:image/png;base64,AAAA')
        camera.detection()
        camera.close()
        self.assertEqual(w.next(), '["device:status",{"online":false,"deviceId":"cam-7"}]')  # and nothing of the detection

    def test_an_older_device_on_raw_dashboards_and_on_the_page(self):
        viewer, page = self.viewer(), self.open(Page(self.hub))
        device = self.device('pi "1"')
        viewer.next('device_status', device_id='pi "1"', status='connected')
        stream = page.next('stream', device='pi "1"', connected=True, wire='socket.io')
        self.assertEqual(stream['peer'], '127.0.0.1')
        page.say(type='subscribe', streams=[stream['stream']])
        picture = jpeg('green', 50_000)
        sent = device.frame(picture, defects=[{'type': 'chip', 'confidence': '87.00%', 'bbox': [1, 2, 30, 40]}, 5])
        text, m = viewer.next('frame')
        self.assertEqual((m['frame'], m['device_id'], list(m)), (sent, 'pi "1"', ['type', 'device_id', 'timestamp', 'frame']))
        self.assertLess(abs(m['timestamp'] / 1000 - time.time()), 10)
        seen = page.next('event', kind='defects')
        self.assertEqual((seen['device'], seen['record']), ('pi "1"', {'device_id': 'pi "1"', 'detections': [
            {'type': 'chip', 'confidence': '87.00%', 'bbox': [1, 2, 30, 40]}, 5]}))
        self.assertEqual(page.frame()[1], picture)
        late = self.open(Viewer(self.hub.url))
        self.assertEqual(late.next('frame')[1]['frame'], sent)
        self.assertEqual(self.hub.get('/live/pi%20%221%22.jpg')[2], picture)
        with socket.create_connection(('127.0.0.1', self.hub.port), SECONDS) as sse:
            sse.sendall(b'GET /stream/frames HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
            have = b''
            while sent.encode() not in have:
                have += sse.recv(65536)
        device.close()
        viewer.next('device_status', device_id='pi "1"', status='disconnected')
        page.next('stream', device='pi "1"', connected=False)
        self.assertEqual(self.hub.json('/defects')['data'], [])  # it stores its defects itself

    def test_boxes_are_no_flood(self):
        page, d = self.open(Page(self.hub)), self.wire('["device:register",{"deviceId":"pi"}]')
        page.next('stream', device='pi')
        began = time.monotonic()
        for _ in range(300):
            d.emit('["device:frame",{"image":"/9j/","defects":[{"type":"a","bbox":[1,2,3,4]}]}]')
        d.emit('["device:frame",{"image":"/9j/","defects":[{"type":"a"}]}]')
        d.settle()
        n = sum(m['type'] == 'event' for m in page.settle())
        self.assertTrue(1 <= n <= 10 * (time.monotonic() - began) + 1, n)

    def test_one_device_on_several_wires_is_one(self):
        viewer, w = self.viewer(), self.looking()
        older, newer = self.wire('["device:register",{"deviceId":"x"}]'), self.camera('x')
        viewer.next('device_status', device_id='x', status='connected')
        newer.close()
        older.settle()
        wait_for(lambda: self.hub.json('/api/streams')['streams'][0]['wire'] == 'socket.io', 'the other wire')
        older.close()
        viewer.next('device_status', device_id='x', status='disconnected')
        self.assertEqual([json.loads(t[2:])[1]['online'] for t in w.settle()], [True, False])

    def test_an_unnamed_sender_is_live_on_the_page_alone(self):
        page, d = self.open(Page(self.hub)), self.wire('["device:frame",{"image":"/9j/","deviceId":"shy"}]')
        page.next('stream', device='shy', connected=True, wire='socket.io')
        d.close()
        page.next('stream', device='shy', connected=False)


class Devices(OlderTest):
    def test_the_list_and_each_of_it(self):
        self.assertEqual(self.hub.json('/devices'), {'total': 0, 'devices': []})
        a, b, raw = self.device('pi/ 1'), self.device('pi/ 1'), self.camera('cam')
        wait_for(lambda: self.hub.json('/devices')['total'] == 2 and self.hub.json('/devices/pi/%201')['socketCount'] == 2, 'them')
        one = {'deviceId': 'pi/ 1', 'online': True, 'socketCount': 2, 'socketIds': [a.sio.sid, b.sio.sid]}
        one['socketIds'] = self.hub.json('/devices/pi/%201')['socketIds']
        self.assertEqual(set(one['socketIds']), {a.sio.get_sid(), b.sio.get_sid()})
        other = {'deviceId': 'cam', 'online': True, 'socketCount': 0, 'socketIds': []}
        listed = self.hub.json('/devices')
        self.assertEqual((listed['total'], sorted(listed['devices'], key=lambda d: d['deviceId'])), (2, [other, one]))
        self.assertEqual(self.hub.json('/devices/cam'), other)
        status, _, body = self.hub.get('/devices/nobody')
        self.assertEqual((status, json.loads(body)), (200, {'deviceId': 'nobody', 'online': False, 'socketCount': 0, 'socketIds': []}))
        a.close()
        b.close()
        wait_for(lambda: not self.hub.json('/devices/pi/%201')['online'], 'the end')
        self.assertEqual(self.hub.json('/devices')['total'], 1)

    def test_status_is_no_device(self):
        self.device('status')
        wait_for(lambda: self.hub.json('/devices')['total'] == 1, 'it')
        answer = self.hub.json('/devices/status')
        self.assertEqual((answer['count'], answer['devices'][0]['device_id']), (1, 'status'))


class Slow(OlderTest):
    def rss(self):
        with open(f'/proc/{self.hub.proc.pid}/statm') as f:
            return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def test_a_slow_dashboard_gets_the_newest_only(self):
        quick, slow = self.looking(), self.looking(sockopt=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)])
        d, image = self.wire('["device:register",{"deviceId":"pi"}]'), base64.b64encode(jpeg('red', 150_000)).decode()
        quick.next('device')
        before = 0
        for i in range(80):
            d.emit('["device:frame",{"image":"%s","time":%d}]' % (image, i))
            self.assertIn('"time":%d,' % i, quick.next()[-100:])
            if i == 20:
                before = self.rss()
        self.assertLess(self.rss() - before, 6 << 20)  # sixteen megabytes were sent
        times = []
        while not times or times[-1] < 79:
            times += [json.loads(slow.next('stream'))[1]['time']]
        self.assertEqual(times, sorted(times))
        self.assertLess(len(times), 40)  # what the kernel held, and the newest
        values = parse(self.hub.get('/metrics')[2].decode())
        self.assertGreaterEqual(values['sluice_frame_age_seconds_count'], 80)

    def test_a_slow_poller_gets_the_newest_only(self):
        board = self.looking()
        _, _, body = self.hub.get('/socket.io/?EIO=4&transport=polling')
        url = f'/socket.io/?EIO=4&transport=polling&sid={json.loads(body[1:])["sid"]}'

        def post(text):
            with socket.create_connection(('127.0.0.1', self.hub.port), SECONDS) as s:
                s.sendall(f'POST {url} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {len(text)}\r\n\r\n{text}'.encode())
                while s.recv(4096):
                    pass

        post('40')
        post('42["client:hello",{"role":"dashboard"}]')
        self.hub.get(url)
        d = self.wire('["device:register",{"deviceId":"pi"}]', '["device:register",{"deviceId":"pi-2"}]')
        for i in range(50):
            d.emit('["device:frame",{"image":"/9j/","time":%d,"deviceId":"a"}]' % i)
            d.emit('["device:frame",{"image":"/9j/","time":%d,"deviceId":"b"}]' % i)
        while '"time":49' not in (last := board.next('stream')) or '"b"' not in last:
            pass
        packets = self.hub.get(url)[2].split(b'\x1e')
        self.assertEqual([json.loads(p[2:])[1].get('time') for p in packets], [None, None, None, 49, 49])


class Logged(OlderTest):
    def setUp(self):
        class Debug(Hub):
            env = {'DEBUG_FRAMES': '1'}

        self.hub = Debug()
        self.addCleanup(self.hub.close)

    def test_debug_frames_and_presence_are_in_the_log(self):
        w, d = self.looking(), self.device('pi')
        d.frame()
        w.next('stream')
        d.close()
        w.next('device:status",{"online":false')
        said = self.hub.said()
        for words in ('[device:frame] from pi', '[stream:frame] broadcast to dashboards', '[Socket.IO Device] pi registered',
                      '[Socket.IO Device] pi disconnected'):
            self.assertEqual(said.count(words), 1, words)


class Counted(OlderTest):
    def clients(self):
        values = parse(self.hub.get('/metrics')[2].decode())
        return {k[len('sluice_clients'):]: v for k, v in values.items() if k.startswith('sluice_clients{') and v > 0}

    def test_clients_by_role_transport_and_revision(self):
        self.dashboard('polling')
        self.device('pi')
        self.wire()
        self.open(Wire(self.hub, eio=3)).emit('["client:hello",{"role":"dashboard"}]')
        wanted = {'{system="glass",role="viewer",transport="polling",eio="4"}': 1,
                  '{system="glass",role="device",transport="websocket",eio="4"}': 1,
                  '{system="glass",role="viewer",transport="websocket",eio="3"}': 1,
                  '{system="none",role="none",transport="websocket",eio="4"}': 1}
        wait_for(lambda: self.clients() == wanted, lambda: str(self.clients()))


if __name__ == '__main__':
    unittest.main()
