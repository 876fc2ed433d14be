#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The first program of every book: one client after the other, blocking, sendall what recv brought."""
import socket

with socket.create_server(("127.0.0.1", 0)) as listener:
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    while True:
        conn, address = listener.accept()
        with conn:
            while data := conn.recv(1024):
                conn.sendall(data)
