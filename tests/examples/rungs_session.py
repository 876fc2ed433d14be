# SPDX-License-Identifier: Apache-2.0
"""A program with its own event loop, in which bodkin's is a guest."""
import concurrent.futures
import contextlib
import json
import pathlib
import signal
import tempfile

import support
from support import Program, one_line, ours, run, test


@contextlib.contextmanager
def rendezvous():
    with tempfile.TemporaryDirectory(prefix="bodkin-ex-") as state, \
            Program(support.bodkin, "serve", "-l", "127.0.0.1:0", "--json", "-q", "--state", state) as server:
        event = json.loads(server.line())
        yield f"{event['address']}#{event['pin']}"


@contextlib.contextmanager
def two_talking(where, **more):
    with ours("own_loop", where) as first:
        words = first.until("^on the other machine: own_loop (.*)$")[1].split()
        assert words[0] == where
        with ours("own_loop", *words, **more) as second:
            for p in (first, second):
                p.until("^path: ")
            yield first, second


@test
def own_loop_carries_what_both_type():
    with rendezvous() as where, two_talking(where) as (first, second):
        for i in range(20):
            first.say(f"ä{i}\n")
            second.say(f"\U0001f980{i}\n\n")
        for i in range(20):
            assert second.line() == f"ä{i}"
            assert (first.line(), first.line()) == (f"\U0001f980{i}", "")
        second.say(b"half a \x1b[2J")  # and nothing more comes
        assert second.process.poll() is None
        second.process.stdin.close()
        second.process.stdin = None
        assert first.line() == "half a ?[2J"
        first.say("I had more to say\n")
        assert second.line() == "I had more to say"
        assert first.end() == (0, "", "")
        assert second.end() == (0, "", "")


@test
def own_loop_types_no_faster_than_the_other_hears():
    lines = [f"{i} " + "x" * 990 for i in range(5000)]
    with rendezvous() as where, tempfile.TemporaryFile() as typed:
        typed.write("".join(line + "\n" for line in lines).encode())
        typed.seek(0)
        with two_talking(where, stdin=typed) as (first, second):
            code, out, err = first.end()
            assert (code, out.splitlines(), err) == (0, lines, "")
            assert second.end() == (0, "", "")


@test
def code_chat_says_what_arrived():
    with rendezvous() as where, ours("code_chat", where) as first:
        words = first.until("^on the other machine: code_chat (.*)$")[1].split()
        with ours("code_chat", *words) as second:
            for p in (first, second):
                p.until(r"^\* direct over ")
            for i in range(20):
                first.say(f"ä{i}\n")
            second.until(": ä19$")
            first.until(r"^\* delivered: 20$")
            second.say("\U0001f980 \x1b[2J\n\n")
            first.until(": \U0001f980 \\?\\[2J$")
            first.until(": $")
            second.until(r"^\* delivered: 2$")
            first.process.stdin.close()
            first.process.stdin = None
            second.say("more\n")
            first.until(": more$")
            code, _, err = second.end()
            assert (code, err) == (0, "")
            assert first.end()[::2] == (0, "")


@test
def code_chat_names_what_was_not_delivered():
    with rendezvous() as where, ours("code_chat", where) as first:
        words = first.until("^on the other machine: code_chat (.*)$")[1].split()
        with ours("code_chat", *words) as second:
            for p in (first, second):
                p.until(r"^\* direct over ")
            first.say("hello\n")
            first.until("delivered: 1$")
            second.signal(signal.SIGSTOP)
            first.say("into\nthe void\n")
            second.signal(signal.SIGKILL)
            code, _, err = first.end()
            assert code == 1, err
            assert "messages 2 to 3 were not delivered" in err, err


@test
def room_tells_all_the_same_and_one_alone():
    with rendezvous() as where, ours("room", where, "anna") as anna:
        words = anna.until("^on the other machines: room (.*)$")[1].split()
        anna.until(r"^\* 1 here$")
        anna.say("early\n")
        anna.until(r"^\* sent: 1 as 1$")
        with ours("room", words[0], "bert", words[2]) as bert, ours("room", words[0], "carl", words[2]) as carl:
            for p in (bert, carl):
                p.until(r"^\(before\) anna: early$")
            assert {anna.until(r"^\* (bert|carl) is here$")[1] for _ in range(2)} == {"bert", "carl"}
            for i in range(10):
                anna.say(f"ä{i}\n")
                bert.say(f"\U0001f980{i} \x1b[2J\n")
            for i in range(10):
                carl.until(f": (ä|\U0001f980){i}")
            anna.until(": \U0001f9809 \\?\\[2J$")
            anna.say("/to carl psst\n/to nobody psst\n")
            carl.until(r"^\(to you\) anna: psst$")
            bert.process.stdin.close()
            bert.process.stdin = None
            code, out, err = bert.end()
            assert (code, err) == (0, "") and "psst" not in out, (code, out, err)
            carl.until(r"^\* bert has left$")
            carl.signal(signal.SIGINT)
            assert carl.end()[::2] == (0, "")
        anna.process.stdin.close()
        anna.process.stdin = None
        code, out, err = anna.end()
        assert code == 0 and "not said" in err and "careful" not in out, (code, out, err)


@test
def room_says_which_word_is_none():
    code, out, err = run(ours("room", "127.0.0.1", "anna", "acorn-actor-airport-album-almond-alpaca-ambr"))
    assert (code, out) == (1, "")
    one_line(err, "room: ", "'amber'")


@test
def hand_over_gives_files_to_whom_the_group_knows_and_nobody_else():
    with rendezvous() as where, tempfile.TemporaryDirectory(prefix="bodkin-ex-") as root:
        folder = {n: pathlib.Path(root, n) for n in ("anna", "bert", "carl")}
        for f in folder.values():
            f.mkdir()
        for n in ("bert", "carl"):
            (folder[n] / f"of {n}").write_bytes(n.encode() * 300000)
        with ours("hand_over", where, "anna", folder["anna"]) as anna:
            invite = anna.until("^on the other machines: hand_over .* ([a-z-]+) anna FILE$")[1]
            anna.until(r"^\* here as anna$")

            def give(name, as_whom):
                file = folder[name] / f"of {name}"
                return run(ours("hand_over", where, as_whom, folder[name], invite, "anna", file))

            with concurrent.futures.ThreadPoolExecutor() as pool:
                for code, out, err in pool.map(give, ("bert", "carl"), ("bert", "carl")):
                    assert (code, err) == (0, "") and "* anna has 1200000 bytes" in out, (code, out, err)
            for n in ("bert", "carl"):
                assert (folder["anna"] / f"of {n}").read_bytes() == n.encode() * 300000
            assert (folder["anna"] / "member_key.pem").stat().st_mode & 0o777 == 0o600
            with ours("hand_over", where, "carl", folder["carl"], invite, "bert", "/dev/null") as waiting:
                waiting.until(r"^\* waiting for bert$")
                with ours("hand_over", where, "bert", folder["anna"], invite) as impostor:  # with anna's key
                    waiting.until(r"^\* careful: ")
                    impostor.signal(signal.SIGINT)
                waiting.signal(signal.SIGINT)
            anna.signal(signal.SIGINT)


@test
def own_loop_says_what_failed():
    with rendezvous() as where:
        code, out, err = run(ours("own_loop", where, "no code"))
        assert (code, out) == (1, "")
        one_line(err, "own_loop: ", "'no code'")
        with ours("own_loop", where) as first:
            first.until("^on the other machine")
            first.signal(signal.SIGINT)
            assert first.end()[0] == 1
    code, out, err = run(ours("own_loop", where))
    assert (code, out) == (1, "")
    one_line(err, "own_loop: ", where.split("#")[0])
    assert run(ours("own_loop"))[0] == 2
