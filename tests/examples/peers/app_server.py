#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The application server of the textbooks, with selectors: answers one request, then closes. With the word
"slow" as its argument it sends a byte at a time; with "big" it says so as byteorder."""
import json
import selectors
import socket
import sys

import app_lib

TABLE = {"morning": "Coffee first.", "needle": "In the haystack. \U0001faa1", "\U0001f436": "\U0001f43e"}
slow, order = "slow" in sys.argv, "big" if "big" in sys.argv else sys.byteorder
selector = selectors.DefaultSelector()


class Client:
    def __init__(self, conn):
        self.conn, self.reader, self.out = conn, app_lib.Reader(), b""

    def answer(self, header, content):
        if header["content-type"] == "text/json":
            assert header["content-encoding"] == "utf-8"
            request = json.loads(content.decode("utf-8"))
            assert set(request) == {"action", "value"}, request
            if request["action"] == "search":
                result = TABLE.get(request["value"]) or f"No match for '{request['value']}'."
            else:
                result = f'Error: invalid action "{request["action"]}".'
            text = json.dumps({"result": result}, ensure_ascii=False).encode("utf-8")
            return app_lib.encode(text, "text/json", "utf-8", order)
        assert header["content-type"] == "binary/custom-client-binary-type" and header["content-encoding"] == "binary"
        return app_lib.encode(b"First 10 bytes of request: " + content[:10], "binary/custom-server-binary-type",
                              "binary", order)

    def process(self, mask):
        if mask & selectors.EVENT_READ:
            data = self.conn.recv(4096)
            if not data:
                raise ConnectionError("closed before the answer")
            for header, content in self.reader.feed(data):
                assert not self.reader.buffer, "bytes behind the request"
                self.out = self.answer(header, content)
                selector.modify(self.conn, selectors.EVENT_WRITE, self)
        if mask & selectors.EVENT_WRITE:
            self.out = self.out[self.conn.send(self.out[:1] if slow else self.out):]
            if not self.out:
                selector.unregister(self.conn)
                self.conn.close()


listener = socket.create_server(("127.0.0.1", 0))
selector.register(listener, selectors.EVENT_READ, None)
print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    for key, mask in selector.select():
        if key.data is None:
            conn, _ = listener.accept()
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conn.setblocking(False)
            selector.register(conn, selectors.EVENT_READ, Client(conn))
        else:
            key.data.process(mask)
