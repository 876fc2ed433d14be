#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Key-value headers, a thread for each client: answers each message with itself. Strict about every byte."""
import re
import socket
import struct
import threading


def exactly(conn, n):
    data = b""
    while len(data) < n:
        more = conn.recv(n - len(data))
        if not more:
            assert not data, "closed inside a message"
            return None
        data += more
    return data


def serve(conn):
    with conn:
        while (prefix := exactly(conn, 2)) is not None:
            header = exactly(conn, struct.unpack("<H", prefix)[0])
            match = re.fullmatch(rb"CL:(0|[1-9][0-9]*);type:message", header)
            assert match, header
            n = int(match[1])
            content = exactly(conn, n) if n else b""
            answer = f"CL:{len(content)};type:message".encode()
            conn.sendall(struct.pack("<H", len(answer)) + answer + content)


listener = socket.create_server(("127.0.0.1", 0))
print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
while True:
    conn, _ = listener.accept()
    threading.Thread(target=serve, args=(conn,), daemon=True).start()
