#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A glass camera as its script is: python3-websocket, real JPEGs, and it never reads.

  camera.py URL DEVICE        frames, red and green in turn, until stdin ends; each line of
                              stdin (TYPE CONFIDENCE) is a detection
"""
import base64, datetime, json, os, pathlib, select, sys

import websocket

HERE = pathlib.Path(__file__).resolve().parent


def jpeg(name, size=0):
    """A picture of one colour; comment segments (T.81 B.2.4.5) bring it up to `size` bytes."""
    data = (HERE / f'{name}.jpg').read_bytes()
    head, tail = data[:2], data[2:]
    while len(head) + len(tail) + 4 <= size:
        n = min(size - len(head) - len(tail) - 4, 65533)
        head += b'\xff\xfe' + (n + 2).to_bytes(2, 'big') + b'x' * n
    return head + tail


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


class Camera:
    def __init__(self, url, device='cam-7', **more):
        self.ws = websocket.create_connection(url, timeout=5)
        self.send(type='device_register', device_id=device, **more)

    def send(self, **message):
        self.ws.send(json.dumps(message))

    def frame(self, picture, **more):
        text = base64.b64encode(picture).decode()
        self.send(type='frame', frame=text, **more)
        return text

    def detection(self, defect_type='chip', confidence=0.81, timestamp=None, **more):
        timestamp = timestamp or now()
        self.send(type='detection', defect_type=defect_type, confidence=confidence, timestamp=timestamp, **more)
        return timestamp

    def close(self):
        self.ws.close(timeout=0.2)

    def die(self):
        """The cable is pulled, as far as loopback can: no close frame."""
        self.ws.sock.close()


def main(url, device):
    camera, pictures, n, text = Camera(url, device), [jpeg('red', 60000), jpeg('green', 60000)], 0, b''
    while True:
        camera.frame(pictures[n % 2])
        n += 1
        if select.select([sys.stdin], [], [], 0.1)[0]:
            piece = os.read(sys.stdin.fileno(), 4096)
            if not piece:
                return
            *lines, text = (text + piece).split(b'\n')
            for line in lines:
                defect_type, confidence = line.decode().split()
                camera.detection(defect_type, float(confidence))


if __name__ == '__main__':
    main(*sys.argv[1:])
