#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends each line of standard input, waits for all of its echo, prints it. Usage: echo_client.py HOST PORT"""
import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
    for line in sys.stdin:
        message = line.rstrip("\n").encode()
        if not message:
            print("empty lines are not sent", file=sys.stderr)
            continue
        if message == b"q":
            break
        s.sendall(message)
        answer = b""
        while len(answer) < len(message):
            data = s.recv(1024)
            assert data, "closed in the middle of an echo"
            answer += data
        assert answer == message, (message, answer)
        print(answer.decode(), flush=True)
    s.shutdown(socket.SHUT_WR)
    assert s.recv(1) == b"", "more came back than was sent"
