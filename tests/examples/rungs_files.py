# SPDX-License-Identifier: Apache-2.0
"""Two people who introduce themselves by files, with no server: in a folder of both, and carried by hand."""
import pathlib
import re
import select
import tempfile
import time

import support
from support import one_line, ours, run, test

HERE = ("-a", "127.0.0.1")


def code_of(maker):
    return re.fullmatch(r"code: (\d+-[a-z]+-[a-z]+)", maker.line())[1]


def folder():
    return tempfile.TemporaryDirectory(prefix="bodkin-ex-")


def appears(path):
    deadline = time.monotonic() + support.WAIT
    while not path.exists():
        assert time.monotonic() < deadline, f"{path.name} never came"
        select.select([], [], [], 0.01)
    return path


def carry(name, here, there):
    """As somebody's copy program does it: not at once."""
    data = appears(pathlib.Path(here, name)).read_bytes()
    with open(pathlib.Path(there, name), "wb", buffering=0) as f:
        for at in range(0, len(data), 100):
            f.write(data[at:at + 100])


def talk(ann, bob):
    for i in range(20):
        ann.say(f"ä{i}\n")
        bob.say(f"\U0001f980{i}\n")
    for i in range(20):
        assert (bob.line(), ann.line()) == (f"ä{i}", f"\U0001f980{i}")
    ann.say("the last\x1b[2J one\n")
    code, out, err = ann.end()
    assert code == 0 and "direct over" in err, (out, err)
    assert bob.line() == "the last?[2J one"
    assert bob.process.wait(support.WAIT) == 0


@test
def file_chat_two_talk_through_a_folder():
    with folder() as place, ours("file_chat", *HERE, place) as ann:
        code = code_of(ann)
        with ours("file_chat", *HERE, place, code) as bob:
            talk(ann, bob)
        left = [p.name for p in pathlib.Path(place).iterdir()]
        assert all(name.endswith("bye") for name in left), left


@test
def file_chat_two_talk_whose_files_are_carried_by_hand():
    with folder() as here, folder() as there, ours("file_chat", *HERE, "-d", 30, here) as ann:
        code = code_of(ann)
        carry("1.left", here, there)
        with ours("file_chat", *HERE, "-d", 30, there, code) as bob:
            carry("1.b0", there, here)
            carry("1.a0", here, there)
            talk(ann, bob)


@test
def file_chat_a_wrong_code_ends_both_and_is_used_up():
    with folder() as place, ours("file_chat", *HERE, place) as ann:
        number = code_of(ann).split("-")[0]
        code, out, err = run(ours("file_chat", *HERE, place, f"{number}-wrong-words"))
        assert (code, out) == (1, "")
        one_line(err, "file_chat: ")
        code, out, err = ann.end()
        assert code == 1
        one_line(err, "file_chat: ", "wrong code")


@test
def file_chat_says_in_one_line_what_failed():
    with folder() as place:
        code, out, err = run(ours("file_chat", place, "7-tulip-anchor"))
        assert (code, out) == (1, "")
        one_line(err, "file_chat: ", "nobody waits with code number 7")
        pathlib.Path(place, "7.left").write_bytes(b"\0\0\x04what")
        code, out, err = run(ours("file_chat", place, "7-tulip-anchor"))
        assert code == 1
        one_line(err, "file_chat: ", "malformed")
        code, out, err = run(ours("file_chat", place, "7-tulip-anchor"))
        assert code == 1
        one_line(err, "file_chat: ", "code number 7 was used already")
        assert run(ours("file_chat", place, "no code"))[0] == 1
    code, out, err = run(ours("file_chat", pathlib.Path(place, "gone")))
    assert (code, out) == (1, "")
    one_line(err, "file_chat: ")
    for wrong in ((), ("-a", "name", place), ("-s", "1.2.3.4", place), ("-d", "-1", place), ("-x", "1", place)):
        assert run(ours("file_chat", *wrong))[0] == 2, wrong
