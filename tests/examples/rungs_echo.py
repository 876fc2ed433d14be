# SPDX-License-Identifier: Apache-2.0
"""The first two rungs: echo, and many connections at once."""
import os
import pathlib
import select
import signal
import tempfile

from support import Wire, accept, listening, one_line, ours, peer, run, serving, test

ALL_BYTES = bytes(range(256))


@test
def echo_server_with_a_python_client():
    with serving(ours("echo_server", 0)) as s:
        code, out, err = run(peer("echo_client", "127.0.0.1", s.port), "one\n\nzwölf \U0001f980\nq\nnever\n".encode())
        assert (code, out) == (0, "one\nzwölf \U0001f980\n"), (code, out, err)


@test
def echo_client_with_a_python_server():
    with serving(peer("echo_server")) as s:
        for i in range(2):  # the server takes one after the other
            code, out, err = run(ours("echo_client", "127.0.0.1", s.port), "one\nzwölf \U0001f980\nlast".encode())
            assert (code, out, err) == (0, "one\nzwölf \U0001f980\nlast\n", ""), (code, out, err)


@test
def echo_client_refuses_empty_lines_and_q_quits():
    with serving(ours("echo_server", 0)) as s:
        code, out, err = run(ours("echo_client", "localhost", s.port), b"\na\n\nqq\nq\nnever\n")
        assert (code, out) == (0, "a\nqq\n"), (code, out)
        assert err.count("an empty line is not sent") == 2 == err.count("\n"), err


@test
def echo_client_sends_the_line_and_not_a_byte_more():
    with listening() as listener, ours("echo_client", "127.0.0.1", listener.getsockname()[1]) as client:
        with accept(listener) as conn:
            client.say("hello\nworld\nq\n")
            assert conn.recv(100) == b"hello"  # the next line waits for all of the echo
            for byte in b"hello":
                assert not select.select([conn], [], [], 0)[0]
                conn.sendall(bytes([byte]))
            assert client.line() == "hello"
            assert conn.recv(100) == b"world"
            conn.sendall(b"world")
            assert conn.recv(100) == b""
        assert client.end()[0] == 0


@test
def echo_client_reads_a_plain_file():
    with serving(ours("echo_server", 0)) as s, tempfile.TemporaryFile() as f:
        f.write(b"from a file\nand more\n")
        f.seek(0)
        with ours("echo_client", "127.0.0.1", s.port, stdin=f) as client:
            assert client.end() == (0, "from a file\nand more\n", "")


@test
def echo_client_says_in_one_line_what_failed():
    with listening() as listener:
        port = listener.getsockname()[1]
    for args in (["127.0.0.1", port], ["host.invalid", port]):
        code, out, err = run(ours("echo_client", *args))
        assert (code, out) == (1, ""), (code, out)
        one_line(err, "echo_client: ", str(args[0]))
    code, _, err = run(ours("echo_client", "127.0.0.1", "no port"))
    assert code == 1
    one_line(err, "'no port'")
    code, _, err = run(ours("echo_client", "127.0.0.1"))
    assert code == 2
    one_line(err, "usage: ")


@test
def echo_client_notices_a_server_that_leaves_in_the_middle():
    for reset in (False, True):
        with listening() as listener, ours("echo_client", "127.0.0.1", listener.getsockname()[1]) as client:
            with accept(listener) as conn:
                client.say("hello\n")
                assert conn.recv(100) == b"hello"
                conn.sendall(b"hel")
                if reset:
                    Wire.cut(conn)
            code, out, err = client.end()
            assert code == 1 and (reset or out == "hel"), (code, out)
            one_line(err, "echo_client: ")


@test
def echo_server_returns_every_byte_value_one_at_a_time():
    with serving(ours("echo_server", 0)) as s, Wire(s.port) as w:
        for i in range(256):
            w.sendall(ALL_BYTES[i:i + 1])
            w.expect(ALL_BYTES[i:i + 1])
        w.trickle(ALL_BYTES)
        w.expect(ALL_BYTES)


@test
def echo_server_outlives_clients_that_leave_anyhow():
    with serving(ours("echo_server", 0)) as s:
        with Wire(s.port) as w:
            w.sendall(b"orderly")
            w.expect(b"orderly")
        s.until("^127.0.0.1:[0-9]+ left$")
        w = Wire(s.port)
        w.sendall(b"reset")
        w.expect(b"reset")
        w.cut()
        s.until("left")
        Wire(s.port).close()
        s.until("left")
        with Wire(s.port) as w:
            w.sendall(b"still here")
            w.expect(b"still here")


@test
def servers_stop_by_either_signal_and_close_their_connections():
    for name in ("echo_server", "multi_server", "app_server", "kv_server", "chat_server"):
        for number in (signal.SIGINT, signal.SIGTERM):
            with ours(name, "127.0.0.1:0") as s, Wire(int(s.line().rsplit(":", 1)[1])) as w:
                s.until("joined")
                s.signal(number)
                while w.recv(100):
                    pass
                w.close()  # as long as a client does not, the server waits for it, two seconds at most
                code, _, err = s.end()
                assert (code, err) == (0, ""), (name, code, err)


@test
def servers_say_in_one_line_why_they_cannot_listen():
    with listening() as taken:
        port = taken.getsockname()[1]
        for name in ("echo_server", "multi_server", "app_server", "kv_server", "chat_server"):
            for wish, word in ((port, "in use"), ("203.0.113.9:0", "203.0.113.9"), ("70000", "70000"), ("x:y", "x:y")):
                code, out, err = run(ours(name, wish))
                assert (code, out) == (1, ""), (name, wish, code, out)
                one_line(err, f"{name}: ", word)
            assert run(ours(name))[0] == 2


@test
def servers_take_ipv6_and_every_address():
    with ours("echo_server", "[::1]:0") as s:
        port = s.line().removeprefix("listening on [::1]:")
        code, out, _ = run(ours("echo_client", "::1", port), b"six\n")
        assert (code, out) == (0, "six\n")
    with ours("echo_server", ":0") as s:
        port = s.line().removeprefix("listening on :")
        assert run(ours("echo_client", "127.0.0.1", port), b"any\n")[:2] == (0, "any\n")


@test
def multi_server_with_50_connections_of_a_python_client():
    with serving(ours("multi_server", 0)) as s:
        code, out, err = run(peer("multi_client", "127.0.0.1", s.port, 50))
        assert (code, out) == (0, "50 of 50 complete\n"), (out, err)


@test
def multi_client_with_50_connections_to_a_python_server():
    with serving(peer("multi_server")) as s:
        code, out, err = run(ours("multi_client", "127.0.0.1", s.port, 50, "a" * 3000, "bc", "d"))
        lines = out.splitlines()
        assert code == 0 and lines[-1] == "50 of 50 connections complete", (out, err)
        want = {f"connection {i}: 3003 of 3003 bytes echoed" for i in range(1, 51)}
        assert set(lines[:-1]) == want and len(lines) == 51, out


@test
def multi_server_keeps_50_trickling_connections_apart():
    with serving(ours("multi_server", 0)) as s:
        wires = [Wire(s.port) for _ in range(50)]
        texts = [f"this is connection {i:02}".encode() for i in range(50)]
        for at in range(len(texts[0])):
            for w, text in zip(wires, texts):
                w.sendall(text[at:at + 1])
        for w, text in zip(wires, texts):
            w.expect(text)
            w.close()


def sockets_may_hold():
    """Bytes on the way between two of them, where the system is generous to the utmost."""
    limits = [pathlib.Path(f"/proc/sys/net/ipv4/tcp_{way}mem").read_text().split() for way in "rw"]
    return sum(int(most) for _, _, most in limits)


@test
def multi_server_makes_a_sender_wait_that_does_not_read_and_nobody_else():
    piece = os.urandom(1 << 16)
    whole = piece * (2 * sockets_may_hold() // len(piece) + 256)  # of either side, and 16 MiB more than the queue holds
    with serving(ours("multi_server", 0)) as s, Wire(s.port) as w, Wire(s.port) as other:
        w.setblocking(False)
        sent = 0
        while sent < len(whole) and select.select([], [w], [], 0.3)[1]:
            try:
                sent += w.send(whole[sent:sent + 65536])
            except BlockingIOError:
                pass
        assert sent < len(whole), "it took everything"
        other.sendall(b"do I wait?")
        other.expect(b"do I wait?")
        came = bytearray()
        while len(came) < len(whole):
            r, writable, _ = select.select([w], [w] if sent < len(whole) else [], [], 20)
            assert r or writable
            if writable:
                try:
                    sent += w.send(whole[sent:sent + 65536])
                except BlockingIOError:
                    pass
            if r:
                data = w.recv(65536)
                assert data, f"closed after {len(came)} bytes"
                came += data
        assert came == whole


@test
def multi_client_notices_a_cut_echo_and_a_false_one():
    for answer, complaint in ((b"hel", "closed"), (b"help", "not what was sent"), (b"hello!", "not what was sent")):
        with listening() as listener, ours("multi_client", "127.0.0.1", listener.getsockname()[1], 1, "hel", "lo") as c:
            with accept(listener) as conn:
                assert Wire.exactly(conn, 5) == b"hello"
                conn.sendall(answer)
                if complaint == "closed":
                    conn.shutdown(1)
                while conn.recv(100):
                    pass
            code, out, err = c.end()
            assert code == 1 and out.endswith("0 of 1 connections complete\n"), (code, out)
            one_line(err, "connection 1: ", complaint)
    code, _, err = run(ours("multi_client", "127.0.0.1", 1, 1, "", ""))
    assert code == 1
    one_line(err, "empty messages")
    assert run(ours("multi_client", "127.0.0.1", 1, 0))[0] == 2
    assert run(ours("multi_client", "127.0.0.1", 1, 1001))[0] == 2
