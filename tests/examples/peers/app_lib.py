# SPDX-License-Identifier: Apache-2.0
"""Messages with a JSON header: a 2-byte big-endian length, the header, the content. Strict on reading."""
import json
import struct
import sys

FIELDS = {"byteorder", "content-type", "content-encoding", "content-length"}


def encode(content, content_type, content_encoding, byteorder=sys.byteorder):
    header = json.dumps({"byteorder": byteorder, "content-type": content_type, "content-encoding": content_encoding,
                         "content-length": len(content)}, ensure_ascii=False).encode("utf-8")
    return struct.pack(">H", len(header)) + header + content


def request(action, value, **more):
    if action == "binary":
        return encode((action + value).encode(), "binary/custom-client-binary-type", "binary", **more)
    content = json.dumps({"action": action, "value": value}, ensure_ascii=False).encode("utf-8")
    return encode(content, "text/json", "utf-8", **more)


class Reader:
    """Takes bytes as they come, gives whole messages: the three steps of the textbook."""

    def __init__(self):
        self.buffer = b""
        self.header_length = self.header = None

    def feed(self, data):
        self.buffer += data
        messages = []
        while True:
            if self.header_length is None and len(self.buffer) >= 2:
                self.header_length = struct.unpack(">H", self.buffer[:2])[0]
                self.buffer = self.buffer[2:]
            if self.header is None and self.header_length is not None and len(self.buffer) >= self.header_length:
                self.header = json.loads(self.buffer[:self.header_length].decode("utf-8"))
                self.buffer = self.buffer[self.header_length:]
                assert set(self.header) == FIELDS, self.header
                assert self.header["byteorder"] in ("little", "big")
                assert type(self.header["content-length"]) is int
            if self.header is None or len(self.buffer) < self.header["content-length"]:
                return messages
            n = self.header["content-length"]
            messages.append((self.header, self.buffer[:n]))
            self.buffer = self.buffer[n:]
            self.header_length = self.header = None
