# SPDX-License-Identifier: Apache-2.0
"""Two people and a relay, with pipes and on terminals."""
import signal
import struct

import support
from support import Wire, accept, listening, one_line, ours, peer, run, serving, test
from terminal import Terminal

ALONE, BOTH, GONE = "* nobody else is here yet", "* the other one is here", "* the other one left"


def words(text):
    data = text.encode()
    return struct.pack(">I", len(data)) + data


def at_terminal(port, name, columns=60):
    return Terminal([str(support.examples / "chat"), "127.0.0.1", str(port), name], columns)


def two_at_terminals(port, columns=60):
    ann = at_terminal(port, "ann", columns)
    ann.wait_for([ALONE, ">"])
    bob = at_terminal(port, "bob", columns)
    bob.wait_for([BOTH, ">"])
    ann.wait_for([BOTH, ">"])
    return ann, bob


@test
def chat_server_relays_between_python_clients():
    with serving(ours("chat_server", 0)) as s:
        with peer("chat_client", "127.0.0.1", s.port, "ann") as ann:
            assert ann.line() == ALONE
            with peer("chat_client", "127.0.0.1", s.port, "bob") as bob:
                assert (bob.line(), ann.line()) == (BOTH, BOTH)
                for i in range(20):
                    ann.say(f"ä{i}\n")
                    bob.say(f"\U0001f980{i}\n")
                for i in range(20):
                    assert (bob.line(), ann.line()) == (f"ann: ä{i}", f"bob: \U0001f980{i}")
                bob.end()
            assert ann.line() == GONE
            ann.say("bob?\n")
            assert ann.line() == ALONE


@test
def chat_server_relays_bytes_as_they_are():
    with serving(ours("chat_server", 0)) as s, Wire(s.port) as a:
        a.expect(words(ALONE))
        with Wire(s.port) as b:
            b.expect(words(BOTH))
            a.expect(words(BOTH))
            a.trickle(words("slowly"))
            b.expect(words("slowly"))
            a.sendall(words("two") + words("") + words("three")[:6])
            b.expect(words("two") + words(""))
            a.sendall(words("three")[6:])
            b.expect(words("three"))
            raw = struct.pack(">I", 256) + bytes(range(256))
            b.sendall(raw)
            a.expect(raw)
            with Wire(s.port) as third:
                third.expect(words("* two people are talking already"))
                third.expect_end()
            b.sendall(words("unheard")[:7])
            s.until("joined")
        a.expect(words(GONE))
        with Wire(s.port) as c:
            c.expect(words(BOTH))
            a.expect(words(BOTH))
            c.sendall(struct.pack(">I", 8193))
            a.expect(words(GONE))


@test
def chat_server_seats_who_comes_while_one_too_many_hangs_on():
    with serving(ours("chat_server", 0)) as s, Wire(s.port) as a:
        a.expect(words(ALONE))
        with Wire(s.port) as b:
            b.expect(words(BOTH))
            a.expect(words(BOTH))
            third = Wire(s.port)
            third.expect(words("* two people are talking already"))
        a.expect(words(GONE))
        with third, Wire(s.port) as c:  # the third was told and has not closed yet
            c.expect(words(BOTH))
            a.expect(words(BOTH))


@test
def chat_with_pipes_through_a_python_server():
    with peer("chat_server") as s:
        port = s.line().rsplit(":", 1)[1]
        with ours("chat", "127.0.0.1", port, "ann") as ann, ours("chat", "127.0.0.1", port, "bob") as bob:
            ann.say("hello\n\nzwölf \U0001f980\n")
            assert (bob.line(), bob.line()) == ("ann: hello", "ann: zwölf \U0001f980")
            bob.say("hi\n")
            assert ann.line() == "bob: hi"
            assert ann.end(b"/quit\n")[0] == 0
        assert s.end() == (0, "", "")  # both ends were orderly, to the byte


@test
def chat_speaks_and_hears_exact_bytes():
    with listening() as listener, ours("chat", "127.0.0.1", listener.getsockname()[1], "ann") as c:
        with accept(listener) as conn:
            c.say("hello\n")
            assert Wire.exactly(conn, 14) == words("ann: hello")
            Wire.trickle(conn, words("a: slowly"))
            assert c.line() == "a: slowly"
            conn.sendall(words("a: \x1b[2Jx\ny\u009bz") + words("") + words("b"))
            assert [c.line() for _ in range(3)] == ["a: ?[2Jx?y?z", "", "b"]
            conn.sendall(words("half")[:6])
        assert c.process.wait(support.WAIT) == 1  # and not because its input ended
        _, _, err = c.end()
        one_line(err, "chat: ")


@test
def chat_says_in_one_line_what_failed():
    with listening() as listener:
        port = listener.getsockname()[1]
    code, out, err = run(ours("chat", "127.0.0.1", port, "ann"))
    assert (code, out) == (1, "")
    one_line(err, "chat: ", "127.0.0.1")
    assert run(ours("chat", "127.0.0.1", port, "x" * 33))[0] == 2


@test
def chat_ends_in_an_orderly_way_by_a_signal():
    with serving(ours("chat_server", 0)) as s:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with ours("chat", "127.0.0.1", s.port, "ann") as c:
                assert c.line() == ALONE
                c.signal(number)
                assert c.process.wait(support.WAIT) == 0
            s.until("^127.0.0.1:[0-9]+ left$")


@test
def typing_is_not_torn_by_what_the_other_says():
    with serving(ours("chat_server", 0)) as s:
        ann, bob = two_at_terminals(s.port)
        ann.type("half a l")
        ann.wait_for([BOTH, "> half a l"])
        bob.type("I have no patience\r")
        ann.wait_for([BOTH, "bob: I have no patience", "> half a l"])
        bob.type("none")
        bob.wait_for(["> I have no patience", "> none"])
        ann.type("ine\r")
        bob.wait_for(["> I have no patience", "ann: half a line", "> none"])
        ann.wait_for(["bob: I have no patience", "> half a line", ">"])
        bob.type(" at all\r")
        ann.wait_for(["> half a line", "bob: none at all", ">"])
        ann.type("\x04")
        assert ann.end() == 0
        bob.wait_for([GONE, ">"])
        bob.type("/quit\r")
        assert bob.end() == 0


@test
def the_cursor_stays_where_it_was_in_the_line():
    with serving(ours("chat_server", 0)) as s:
        ann, bob = two_at_terminals(s.port)
        ann.type("ac\x1b[D")  # before the c
        ann.wait_for([BOTH, "> ac"])
        bob.type("hi\r")
        ann.wait_for(["bob: hi", "> ac"])
        ann.type("b")
        ann.wait_for(["bob: hi", "> abc"])
        ann.type("\x05\x7fd\r")  # to the end, the c goes
        bob.wait_for(["ann: abd", ">"])
        ann.type("\x1b[A!\r")  # the line before, again
        bob.wait_for(["ann: abd", "ann: abd!", ">"])
        for p in (ann, bob):
            p.type("\x04")
            assert p.end() == 0


@test
def a_line_longer_than_the_screen_is_not_torn_either():
    long = "the quick brown fox jumps over the lazy dög"
    with serving(ours("chat_server", 0)) as s:
        ann, bob = two_at_terminals(s.port, 30)
        shown = [("> " + long)[:30].rstrip(), ("> " + long)[30:]]
        ann.type(long)
        ann.wait_for([BOTH] + shown)
        bob.type("hi\r")
        ann.wait_for([BOTH, "bob: hi"] + shown)
        bob.type("ho\r")
        ann.wait_for([BOTH, "bob: hi", "bob: ho"] + shown)
        ann.type("\r")
        bob.wait_for([("ann: " + long)[:30].rstrip(), ("ann: " + long)[30:], ">"])
        for p in (ann, bob):
            p.type("\x04")
            assert p.end() == 0


@test
def a_closed_window_is_an_orderly_end():
    with serving(ours("chat_server", 0)) as s:
        ann, bob = two_at_terminals(s.port)
        ann.type("never to be s")
        ann.wait_for(["> never to be s"])
        assert ann.hang_up() == 0
        bob.wait_for([GONE, ">"])
        bob.type("\x04")
        assert bob.end() == 0


@test
def both_may_type_and_talk_at_once():
    with serving(ours("chat_server", 0)) as s:
        ann, bob = two_at_terminals(s.port)
        for i in range(10):
            ann.type(f"a{i}")
            bob.type(f"b{i}")
            ann.wait_for([f"> a{i}"])
            bob.wait_for([f"> b{i}"])
            ann.type("!\r")
            bob.wait_for([f"ann: a{i}!", f"> b{i}"])
            bob.type("?\r")
            ann.wait_for([f"> a{i}!", f"bob: b{i}?", ">"])
        ann.type("keys before the other is told\x03")
        assert ann.end() == 0
        bob.wait_for([GONE, ">"])
        s.until("left")
