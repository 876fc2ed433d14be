#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sends each TEXT, then reads an answer for each. Usage: kv_client.py HOST PORT TEXT..."""
import socket
import struct
import sys


def exactly(f, n):
    data = f.read(n)
    assert len(data) == n, "closed inside an answer"
    return data


texts = [t.encode() for t in sys.argv[3:]]
with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s, s.makefile("rb") as f:
    for text in texts:
        header = f"CL:{len(text)};type:message".encode("utf-8")
        s.sendall(struct.pack("<H", len(header)) + header + text)
    for text in texts:
        header = exactly(f, struct.unpack("<H", exactly(f, 2))[0])
        assert header == f"CL:{len(text)};type:message".encode(), header
        content = exactly(f, len(text))
        assert content == text, (content, text)
        print(content.decode())
    s.shutdown(socket.SHUT_WR)
    assert f.read() == b"", "more came than was asked for"
