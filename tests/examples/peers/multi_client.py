#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""N connections with selectors; each sends its messages and counts the echo. Usage: multi_client.py HOST PORT N"""
import selectors
import socket
import sys
import types

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
selector = selectors.DefaultSelector()
for number in range(1, count + 1):
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex((host, port))
    messages = [f"first of {number}.".encode(), f"second of {number}.".encode()]
    whole = b"".join(messages)
    selector.register(s, selectors.EVENT_READ | selectors.EVENT_WRITE,
                      types.SimpleNamespace(number=number, whole=whole, came=b"", messages=messages, out=b""))
running = count
while running:
    for key, mask in selector.select():
        s, one = key.fileobj, key.data
        if mask & selectors.EVENT_READ:
            data = s.recv(1024)
            assert data, f"connection {one.number} was closed by the server"
            one.came += data
            assert one.whole.startswith(one.came), (one.number, one.came)
            if one.came == one.whole:
                selector.unregister(s)
                s.close()
                running -= 1
                continue
        if mask & selectors.EVENT_WRITE:
            if not one.out and one.messages:
                one.out = one.messages.pop(0)
            if one.out:
                one.out = one.out[s.send(one.out):]
            elif not one.messages:
                selector.modify(s, selectors.EVENT_READ, one)
print(f"{count} of {count} complete")
