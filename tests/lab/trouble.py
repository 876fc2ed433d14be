# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the way: somebody is killed, a code is wrong, the server is gone, a file cannot be read or written.
Each has its exit code, its sentence, and leaves nothing half-done under a final name.
"""
import pathlib
import shutil
import signal
import time

from lab import PATIENCE, Lab, Transfer, check, finished

# Started in the background, or by nohup, we ignore these; what we start must not, or it would go on ignoring them.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) == signal.SIG_IGN:
        signal.signal(ignored, lambda *_: None)

# Slow enough that there is a middle, and a progress event in it.
RATE = ("--rate", 100)
LARGE = 12_000_000
SOON = 10  # seconds within which the other side has to notice
CUT_OFF = 70  # the same where nobody died: another path is looked for before giving up


def in_the_middle(lab, path=None, **options):
    """A transfer of which the receiver has some bytes and lacks many."""
    t = lab.transfer(path or lab.file(LARGE), **options)
    t.receiver.wait_for("progress", lambda e: 0 < e["bytes"] < e["total"] * 0.7)
    t.sender.wait_for("progress", lambda e: e["bytes"] > 0)
    return t


def kind_of(t):
    return t.receiver.last("path")["kind"]


def sentence_of(program, code, seconds=PATIENCE):
    """The one error of a program that ended with that code: an event, and one line for people."""
    found = program.wait(seconds)
    check(found == code, f"exit {found}, not {code}\n{program.story()}")
    errors = program.all("error")
    check(len(errors) == 1 and len(errors[0]["text"]) > 10, f"{len(errors)} error events\n{program.story()}")
    lines = [line for line in program.said().splitlines() if line.startswith("bodkin: ")]
    check(lines == ["bodkin: " + errors[0]["text"]], f"standard error says {lines}\n{program.story()}")
    return errors[0]["text"]


def server_killed(bodkin):
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t = in_the_middle(lab)
        before = t.receiver.last("progress")["bytes"]
        lab.server.kill()
        lab.server.wait()
        check(t.check_done() == "direct", t.story())
        return f"killed at {before / 1e6:.1f} of {LARGE / 1e6:.0f} MB, the rest came, digest equal", {}


def receiver_killed(bodkin, *path):
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t = in_the_middle(lab, send=path)
        killed = t.receiver.kill()
        text = sentence_of(t.sender, 1)
        took = t.sender.ended - killed
        check(took <= SOON, f"the sender needed {took:.1f} s\n{t.story()}")
        t.receiver.wait()
        check(t.arrived() == [], f"under the final name: {t.arrived()}")
        return f"{kind_of(t)}: the sender says after {took * 1000:.0f} ms: {text}", {"noticed_ms": round(took * 1000)}


def sender_killed(bodkin, *path):
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t = in_the_middle(lab, send=path)
        killed = t.sender.kill()
        text = sentence_of(t.receiver, 1)
        took = t.receiver.ended - killed
        check(took <= SOON, f"the receiver needed {took:.1f} s\n{t.story()}")
        check(t.arrived() == [], f"under the final name: {t.arrived()}")
        return f"{kind_of(t)}: the receiver says after {took * 1000:.0f} ms: {text}", {"noticed_ms": round(took * 1000)}


def receiver_cut_off(bodkin, *path):
    """Nobody says that the connection is over: no end, no reset, only silence."""
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t = in_the_middle(lab, send=path)
        links = [line.split()[1].split("@")[0].rstrip(":") for line in
                 lab.command("exec", "b", "ip", "-o", "link").stdout.splitlines()]
        cut = time.monotonic()
        for link in links:
            check(lab.command("exec", "b", "ip", "link", "set", "dev", link, "down").returncode == 0, link)
        text = sentence_of(t.sender, 1, CUT_OFF)
        sentence_of(t.receiver, 1, CUT_OFF)
        took = max(t.sender.ended, t.receiver.ended) - cut
        check(took <= CUT_OFF, f"noticed after {took:.1f} s\n{t.story()}")
        check(t.arrived() == [], f"under the final name: {t.arrived()}")
        return f"{kind_of(t)}: both say after {took:.1f} s: {text}", {"noticed_ms": round(took * 1000)}


def interrupted(bodkin, by_sender):
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t = in_the_middle(lab)
        one, other = (t.sender, t.receiver) if by_sender else (t.receiver, t.sender)
        one.kill(signal.SIGINT)
        check(one.wait() == 130, f"exit {one.wait()}, not 130\n{t.story()}")
        text = sentence_of(other, 1)
        check(other.last("error")["code"] == "peer-cancelled" and "cancelled" in text, t.story())
        check(t.arrived() == [], f"under the final name: {t.arrived()}")
        return f"exit 130; the other side: {text}", {}


def wrong_code(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        sent = lab.file(1000)
        sender = lab.send(sent)
        number, *words = sender.wait_for("code")["code"].split("-")
        wrong = words[::-1] if words[0] != words[-1] else words + ["wrong"]
        folder = lab.folder("received")
        receiver = lab.recv("-".join([number, *wrong]), "-o", folder)
        said = sentence_of(receiver, 4)
        told = sender.wait_for("waiting")["text"]
        sender.wait_for("code", lambda event: event["code"] != "-".join([number, *words]))
        check(not any(folder.iterdir()), "something was written")
        again = sentence_of(lab.recv("-".join([number, *words]), "-o", folder), 4)
        t = Transfer(lab, sent, sender, lab.recv(sender.last("code")["code"], "-o", folder), folder)
        t.finish()
        t.check_done()
        return f"exit 4: {said} | the old one after it: {again} | the sender: {told}", {}


def no_such_code(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        return "exit 4: " + sentence_of(lab.recv("4711-never-made", "-o", lab.folder("received")), 4), {}


def server_gone(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        lab.server.kill()
        lab.server.wait()
        send, recv = lab.send(lab.file(1000), "--no-lan"), lab.recv("7-some-code", "-o", lab.folder("received"))
        text = sentence_of(send, 3)
        sentence_of(recv, 3)  # it asked on its own network, too
        beside = lab.send(lab.file(1000))  # and who may waits there
        beside.wait_for("code")
        check("looking on this network alone" in beside.said(), beside.story())
        return f"exit 3 on both sides: {text}", {}


def server_gone_while_waiting(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        sent = lab.file(1000)
        sender = lab.send(sent)
        code = sender.wait_for("code")["code"]
        lab.server.kill()
        lab.server.wait()
        said = sender.wait_for("waiting")["text"]
        lab.server = None
        lab.start_server("--state", lab.top / "server")
        sender.wait_for("waiting", lambda event: "back at the server" in event["text"])
        folder = lab.folder("received")
        t = Transfer(lab, sent, sender, lab.recv(code, "-o", folder), folder)
        t.finish()
        t.check_done()
        return f"the same code through a server that was killed and started again; meanwhile: {said}", {}


def relay_forced(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        for options in ({"send": ["--path", "relay"]}, {"recv": ["--path", "relay"]}):
            t = lab.transfer(lab.file(20_000), **options)
            check(t.check_done() == "relay", t.story())
            texts = [p.last("path")["text"] for p in (t.sender, t.receiver)]
            check(all("as asked for" in text for text in texts), f"the reason is another: {texts}")
        return f"relayed, asked for by either side, {max(t.elapsed()):.0f} ms", {}


def direct_forced(bodkin):
    with Lab(bodkin, "sym", "sym") as lab:
        lab.start_server("--state", lab.top / "server")
        t = lab.transfer(lab.file(20_000), send=["--path", "direct"])
        took = {}
        for name, program in (("receiver", t.receiver), ("sender", t.sender)):
            text = sentence_of(program, 5)
            took[name] = round(program.ended - t.receiver.started, 1)
            check("both NATs give every connection a new port" in text, f"the {name} does not say why: {text}")
        return f"exit 5, receiver after {took['receiver']} s, sender after {took['sender']} s: {text}", took


# A small disk of its own, listed before it goes.
SMALL_DISK = 'mount -t tmpfs -o size=%d none "$1" || exit 99; d=$1 l=$2; shift 2; "$@"; c=$?; ls -A "$d" >"$l"; exit $c'


def receive_on_small_disk(lab, code, size):
    folder, listing = lab.folder("received"), lab.top / "listing"
    before = ["unshare", "-m", "sh", "-c", SMALL_DISK % size, "sh", folder, listing]
    return lab.recv(code, "-o", folder, before=before), folder, listing


def disk_too_small(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        sender = lab.send(lab.file(2_000_000))
        receiver, _, listing = receive_on_small_disk(lab, sender.wait_for("code")["code"], 1_000_000)
        text = sentence_of(receiver, 7)
        check(listing.read_text() == "", f"left behind: {listing.read_text()}")
        check("no space" in text, text)
        return f"exit 7: {text} | the sender, exit {sender.wait()}: {sentence_of(sender, sender.wait())}", {}


def child_of(pid):
    return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def disk_filled_meanwhile(bodkin):
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        sender = lab.send(lab.file(LARGE))
        receiver, folder, listing = receive_on_small_disk(lab, sender.wait_for("code")["code"], LARGE + 100_000)
        receiver.wait_for("progress", lambda e: 0 < e["bytes"] < e["total"] * 0.7)
        inside = pathlib.Path(f"/proc/{child_of(receiver.process.pid)}/root{folder}")
        with open(inside / "filler", "wb", buffering=0) as f:
            try:
                while f.write(bytes(65536)):
                    pass
            except OSError:
                pass
        text = sentence_of(receiver, 7)
        names = listing.read_text().split()
        check(finished(names) == ["filler"], f"under the final name: {names}")
        check("no space" in text, text)
        return f"exit 7: {text} | the sender, exit {sender.wait()}: {sentence_of(sender, sender.wait())}", {}


# Root reads everything, unless it has no capabilities.
POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


def unreadable(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        path = lab.file(1000)
        path.chmod(0)
        closed = sentence_of(lab.send(path, before=POWERLESS), 7)
        missing = sentence_of(lab.send(lab.top / "not-there"), 7)
        check(path.name in closed and "not-there" in missing, f"{closed} | {missing}")
        return f"exit 7: {closed} | {missing}", {}


def folder_missing(bodkin):
    with Lab(bodkin, "port", "port") as lab:
        lab.start_server("--state", lab.top / "server")
        return "exit 7: " + sentence_of(lab.recv("7-some-code", "-o", lab.top / "not-there"), 7), {}


def folder_vanished(bodkin):
    with Lab(bodkin, "port", "port", *RATE) as lab:
        lab.start_server("--state", lab.top / "server")
        t = in_the_middle(lab)
        shutil.rmtree(t.folder)
        text = sentence_of(t.receiver, 7)
        check(not t.folder.exists(), "the folder is back")
        return f"exit 7: {text} | the sender, exit {t.sender.wait()}: {sentence_of(t.sender, t.sender.wait())}", {}


def cases(bodkin):
    relay = ("--path", "relay")
    yield "server killed", lambda: server_killed(bodkin)
    yield "receiver killed", lambda: receiver_killed(bodkin)
    yield "receiver killed, relayed", lambda: receiver_killed(bodkin, *relay)
    yield "sender killed", lambda: sender_killed(bodkin)
    yield "sender killed, relayed", lambda: sender_killed(bodkin, *relay)
    yield "receiver cut off", lambda: receiver_cut_off(bodkin)
    yield "receiver cut off, relayed", lambda: receiver_cut_off(bodkin, *relay)
    yield "ctrl-c at the sender", lambda: interrupted(bodkin, True)
    yield "ctrl-c at the receiver", lambda: interrupted(bodkin, False)
    for function in (wrong_code, no_such_code, server_gone, server_gone_while_waiting, relay_forced, direct_forced,
                     disk_too_small, disk_filled_meanwhile, unreadable, folder_missing, folder_vanished):
        yield function.__name__.replace("_", " "), lambda f=function: f(bodkin)
