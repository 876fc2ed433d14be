#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many connections with selectors: each has a buffer of what is still to be sent back."""
import selectors
import socket

selector = selectors.DefaultSelector()


def accept(listener):
    conn, _ = listener.accept()
    conn.setblocking(False)
    selector.register(conn, selectors.EVENT_READ, bytearray())


def service(key, mask):
    conn, out = key.fileobj, key.data
    if mask & selectors.EVENT_READ:
        data = conn.recv(1024)
        if not data:
            selector.unregister(conn)
            conn.close()
            return
        out += data
    if mask & selectors.EVENT_WRITE and out:
        del out[:conn.send(out)]
    selector.modify(conn, selectors.EVENT_READ | (selectors.EVENT_WRITE if out else 0), out)


listener = socket.create_server(("127.0.0.1", 0), backlog=64)
listener.setblocking(False)
selector.register(listener, selectors.EVENT_READ, None)
print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    for key, mask in selector.select():
        if key.data is None:
            accept(key.fileobj)
        else:
            service(key, mask)
