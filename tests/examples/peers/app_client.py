#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One request, one answer. Usage: app_client.py HOST PORT ACTION VALUE"""
import json
import socket
import sys

import app_lib

host, port, action, value = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
reader = app_lib.Reader()
with socket.create_connection((host, port)) as s:
    s.sendall(app_lib.request(action, value))
    answers = []
    while not answers:
        data = s.recv(4096)
        assert data, "closed before the answer"
        answers = reader.feed(data)
    assert len(answers) == 1 and not reader.buffer, "more than one answer"
    header, content = answers[0]
    if action == "binary":
        assert header["content-type"] == "binary/custom-server-binary-type", header
        assert header["content-encoding"] == "binary", header
        print(content)
    else:
        assert header["content-type"] == "text/json" and header["content-encoding"] == "utf-8", header
        answer = json.loads(content.decode("utf-8"))
        assert set(answer) == {"result"}, answer
        print(answer["result"])
