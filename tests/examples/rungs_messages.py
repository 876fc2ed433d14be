# SPDX-License-Identifier: Apache-2.0
"""Messages with a header: JSON, and key and value."""
import json
import struct

import app_lib
from support import Wire, accept, listening, one_line, ours, peer, run, serving, test

BINARY = "binary/custom-client-binary-type"
SEARCH = app_lib.request("search", "nat")
NAT = "A router that gives many machines one address."


def answers(wire, count):
    reader, got = app_lib.Reader(), []
    while len(got) < count:
        data = wire.recv(4096)
        assert data, f"closed after {got}"
        got += reader.feed(data)
    assert len(got) == count and not reader.buffer
    return got


def result(wire):
    (header, content), = answers(wire, 1)
    assert (header["content-type"], header["content-encoding"]) == ("text/json", "utf-8"), header
    answer = json.loads(content)
    assert set(answer) == {"result"}
    return answer["result"]


def ask_raw(wire, content, content_type="text/json", encoding="utf-8", **more):
    wire.sendall(app_lib.encode(content, content_type, encoding, **more))


@test
def app_server_with_a_python_client():
    with serving(ours("app_server", 0)) as s:
        for action, value, want in (("search", "nat", NAT), ("search", "🦀", 'No match for "🦀".'),
                                    ("search", "nadel", "Zu spitz für Leder, zu fein für Segel. \U0001faa1"),
                                    ("x", "y", 'Error: invalid action "x".'),
                                    ("binary", "😃 and more", "b'First 10 bytes of request: binary\\xf0\\x9f\\x98\\x83'")):
            code, out, err = run(peer("app_client", "127.0.0.1", s.port, action, value))
            assert (code, out) == (0, want + "\n"), (out, err)


@test
def app_client_with_a_python_server():
    for manner in ([], ["slow"], ["big"], ["slow", "big"]):
        with serving(peer("app_server", *manner)) as s:
            for action, value, want in (("search", "needle", "result: In the haystack. \U0001faa1"),
                                        ("search", "\U0001f436", "result: \U0001f43e"),
                                        ("search", "", "result: No match for ''."),
                                        ("x", "y", 'result: Error: invalid action "x".'),
                                        ("binary", "😃!", "binary/custom-server-binary-type: "
                                                         "First 10 bytes of request: binary\\xf0\\x9f\\x98\\x83")):
                code, out, err = run(ours("app_client", "127.0.0.1", s.port, action, value))
                assert (code, out, err) == (0, want + "\n", ""), (out, err)


@test
def app_client_with_our_server():
    with serving(ours("app_server", 0)) as s:
        assert run(ours("app_client", "localhost", s.port, "search", "nat")) == (0, f"result: {NAT}\n", "")


@test
def app_client_writes_exactly_the_four_fields():
    with listening() as listener, ours("app_client", "127.0.0.1", listener.getsockname()[1], "search", 'a"ü') as c:
        with accept(listener) as conn:
            n = struct.unpack(">H", Wire.exactly(conn, 2))[0]
            header = json.loads(Wire.exactly(conn, n))
            assert set(header) == app_lib.FIELDS, header
            content = Wire.exactly(conn, header["content-length"])
            assert json.loads(content) == {"action": "search", "value": 'a"ü'}, content
            conn.sendall(app_lib.encode(b'{"result": "ok"}', "text/json", "utf-8"))
            assert conn.recv(100) == b""
        assert c.end()[:2] == (0, "result: ok\n")


@test
def app_client_notices_a_bad_answer():
    good = app_lib.encode(b'{"result": "ok"}', "text/json", "utf-8")
    for bytes_, complaint in ((good[:-1], "no answer"), (good[:1], "no answer"), (b"", "no answer"),
                              (b"\0\0", "no answer"), (b"\0\2{}", "no answer"),
                              (app_lib.encode(b"[]", "text/json", "utf-8"), "not a JSON object"),
                              (app_lib.encode(b"", "text/json", "utf-8"), "not a JSON object")):
        with listening() as listener, ours("app_client", "127.0.0.1", listener.getsockname()[1], "search", "x") as c:
            with accept(listener) as conn:
                n = struct.unpack(">H", Wire.exactly(conn, 2))[0]
                Wire.exactly(conn, json.loads(Wire.exactly(conn, n))["content-length"])
                conn.sendall(bytes_)
            code, out, err = c.end()
            assert (code, out) == (1, ""), (bytes_, code, out)
            one_line(err, "app_client: ", complaint)
    code, out, err = run(ours("app_client", "127.0.0.1", 1, "search", b"\xff"))
    assert code == 1 and out == ""


@test
def app_client_lets_nobody_command_the_terminal():
    evil = app_lib.encode(json.dumps({"result": "\x1b[2Jgone\u009b1A\r\n"}).encode(), "text/json", "utf-8")
    with listening() as listener, ours("app_client", "127.0.0.1", listener.getsockname()[1], "search", "x") as c:
        with accept(listener) as conn:
            conn.sendall(evil)
            while conn.recv(1000):
                pass
        assert c.end()[:2] == (0, "result: ?[2Jgone?1A??\n")


@test
def app_server_takes_a_byte_at_a_time_and_several_in_one_segment():
    with serving(ours("app_server", 0)) as s, Wire(s.port) as w:
        w.trickle(SEARCH)
        assert result(w) == NAT
        w.sendall(SEARCH * 2 + app_lib.request("binary", "!") + SEARCH[:20])
        first, second, third = answers(w, 3)
        assert first == second and json.loads(first[1]) == {"result": NAT}
        assert third[1] == b"First 10 bytes of request: binary!"
        w.sendall(SEARCH[20:])
        assert result(w) == NAT


@test
def app_server_reads_either_byteorder_and_further_fields():
    with serving(ours("app_server", 0)) as s, Wire(s.port) as w:
        for order in ("little", "big"):
            w.sendall(app_lib.request("search", "nat", byteorder=order))
            assert result(w) == NAT
        content = b'{"action": "search", "value": "nat", "more": [1]}'
        header = json.dumps({"content-length": len(content), "content-type": "text/json", "x": {"y": None}}).encode()
        w.sendall(struct.pack(">H", len(header)) + header + content)
        assert result(w) == NAT


@test
def app_server_answers_any_other_type_with_the_first_ten_bytes():
    with serving(ours("app_server", 0)) as s, Wire(s.port) as w:
        for content_type, content in ((BINARY, b"0123456789abc"), ("image/png", bytes(range(200, 220))), (BINARY, b""),
                                      ("text/json; charset=utf-8", b"{}"), ("", b"\0\0\0"), ("x" * 300, b"1")):
            ask_raw(w, content, content_type, "binary")
            (header, got), = answers(w, 1)
            assert header["content-type"] == "binary/custom-server-binary-type", header
            assert header["content-encoding"] == "binary", header
            assert got == b"First 10 bytes of request: " + content[:10], got


@test
def app_server_answers_a_bad_request_with_an_error_in_the_result():
    with serving(ours("app_server", 0)) as s, Wire(s.port) as w:
        for content in (b"", b"{", b"[]", b"null", b'"search"', b"{}", b'{"action": 1}', b'{"action": "search"}',
                        b'{"action": "search", "value": 7}', b'{"action": "search", "action": "search"}',
                        b'{"action": "' + b"x" * 2000 + b'", "value": "y"}', b'{"action": "\xff", "value": ""}',
                        b"[" * 5000):
            ask_raw(w, content)
            assert result(w).startswith("Error: "), content
        ask_raw(w, json.dumps({"action": 'say "hi"\n', "value": ""}).encode())
        assert result(w) == 'Error: invalid action "say "hi"\n".'


@test
def app_server_ends_what_is_no_message_and_goes_on():
    with serving(ours("app_server", 0)) as s:
        for bad in (b"\0\0", b"\0\2[]", b"\0\2{}", b"\0\4nope", b'\0\x15{"content-length":-1}',
                    b'\0\x1a{"content-length":9999999}'):
            with Wire(s.port) as w:
                w.sendall(bad)
                w.expect_end()
            s.until("left: ")
        with Wire(s.port) as w:
            w.sendall(SEARCH)
            assert result(w) == NAT


@test
def app_server_names_a_half_message():
    with serving(ours("app_server", 0)) as s:
        for n in (1, 2, 20, len(SEARCH) - 1):
            with Wire(s.port) as w:
                w.sendall(SEARCH[:n])
            s.until("left: .")
        with Wire(s.port) as w:
            w.sendall(SEARCH + SEARCH[:30])
            assert result(w) == NAT
            w.cut()
        s.until("left: ")
        with Wire(s.port) as w:
            w.sendall(SEARCH)
            assert result(w) == NAT


def pair(header, content=b""):
    return struct.pack("<H", len(header)) + header + content


@test
def kv_server_with_a_python_client():
    with serving(ours("kv_server", 0)) as s:
        code, out, err = run(peer("kv_client", "127.0.0.1", s.port, "cwsdwed", "", "größer", "x" * 5000))
        assert (code, out) == (0, "cwsdwed\n\ngrößer\n" + "x" * 5000 + "\n"), (out, err)


@test
def kv_client_with_a_python_server():
    with serving(peer("kv_server")) as s:
        code, out, err = run(ours("kv_client", "127.0.0.1", s.port, "cwsdwed", "", "größer", "\x1b[2J"))
        assert (code, err) == (0, ""), err
        assert out == "[CL:7;type:message] cwsdwed\n[CL:0;type:message] \n[CL:8;type:message] größer\n" \
                      "[CL:4;type:message] ?[2J\n", out


@test
def kv_bytes_are_those_of_the_book():
    book = b"\x11\x00CL:7;type:messagecwsdwed"
    with serving(ours("kv_server", 0)) as s, Wire(s.port) as w:
        w.sendall(book)
        w.expect(book)
        w.trickle(book)
        w.expect(book)
        w.sendall(book * 3 + book[:9])
        w.expect(book * 3)
        w.sendall(book[9:])
        w.expect(book)
    with listening() as listener, ours("kv_client", "127.0.0.1", listener.getsockname()[1], "cwsdwed") as c:
        with accept(listener) as conn:
            assert Wire.exactly(conn, len(book)) == book
            Wire.trickle(conn, book)
            assert conn.recv(100) == b""
        assert c.end()[:2] == (0, "[CL:7;type:message] cwsdwed\n")


@test
def kv_server_tells_its_pairs_apart():
    sorry = b"only type:message is understood here"
    refusal = pair(b"CL:%d;type:error" % len(sorry), sorry)
    with serving(ours("kv_server", 0)) as s, Wire(s.port) as w:
        for header, is_message in ((b"type:message;CL:2", True), (b"from:me;CL:2;type:message;to:you", True),
                                   (b"CL:2", False), (b"CL:2;type:messages", False), (b"CL:2;xtype:message", False),
                                   (b"CL:2;type:image", False)):
            w.sendall(pair(header, b"ab"))
            w.expect(pair(b"CL:2;type:message", b"ab") if is_message else refusal)


@test
def kv_server_names_a_half_message_and_ends_what_is_none():
    book = pair(b"CL:7;type:message", b"cwsdwed")
    with serving(ours("kv_server", 0)) as s:
        for half in (book[:1], book[:10], book[:-1]):
            with Wire(s.port) as w:
                w.sendall(half)
            s.until("left: .")
        for bad in (pair(b""), pair(b"type:message"), pair(b"CL:x;type:message"), pair(b"CL:-1"), pair(b"CL:9999999")):
            with Wire(s.port) as w:
                w.sendall(bad)
                w.expect_end()
            s.until("left: .")
        with Wire(s.port) as w:
            w.sendall(book)
            w.expect(book)


@test
def kv_client_notices_a_cut_answer():
    with listening() as listener, ours("kv_client", "127.0.0.1", listener.getsockname()[1], "a", "b") as c:
        with accept(listener) as conn:
            Wire.exactly(conn, len(pair(b"CL:1;type:message", b"a")) * 2)
            conn.sendall(pair(b"CL:1;type:message", b"a") + b"\x11\x00CL")
        code, out, err = c.end()
        assert (code, out) == (1, "[CL:1;type:message] a\n"), (code, out)
        one_line(err, "1 of 2 answers came")
