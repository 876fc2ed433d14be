# SPDX-License-Identifier: Apache-2.0
"""Two behind routers who introduce themselves by files: no server of ours knows of them. Any STUN server tells how
their routers map their ports.
"""
import pathlib

from lab import SERVER, Lab, check

SERVER_OTHER_PORT = SERVER.replace(":15005", ":15006")


def punched_without_a_server(bodkin, a, b):
    chat = pathlib.Path(bodkin).resolve().parent / "examples/file_chat"
    with Lab(bodkin, a, b, "--delay", 20) as lab:
        lab.start_server("--state", lab.top / "server")
        words = [chat, "-s", SERVER, "-s", SERVER_OTHER_PORT, lab.folder("mail")]
        maker = lab.run("a", *words)
        code = maker.wait_for("not JSON")["line"].split()[1]
        joiner = lab.run("b", *words, code)
        for who in (maker, joiner):
            check(who.wait() == 0, who.story())
            check("direct over UDP" in who.said(), who.story())
        return joiner.said().strip(), {}


def cases(bodkin):
    for a, b in (("port", "port"), ("cgn-port", "port")):
        yield f"files {a}-{b}", lambda a=a, b=b: punched_without_a_server(bodkin, a, b)
