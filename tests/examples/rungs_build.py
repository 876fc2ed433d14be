# SPDX-License-Identifier: Apache-2.0
"""Every rung is built the way its README says, by somebody who has nothing but what `make install` left."""
import os
import pathlib
import re
import subprocess
import tempfile

import support
from support import ROOT, test


@test
def every_rung_builds_against_what_is_installed():
    commands = re.findall(r"^    (cc .*)$", (ROOT / "examples/README.md").read_text(), re.M)
    sources = {p.name for p in (ROOT / "examples").glob("*.c")}
    assert {s for c in commands for s in re.findall(r"\S+\.c\b", c)} == sources, "a source that no line builds"
    with tempfile.TemporaryDirectory(prefix="bodkin-ex-") as top:
        subprocess.run(["meson", "install", "-C", support.build, "--no-rebuild", "--quiet"], check=True, capture_output=True,
                       env={**os.environ, "DESTDIR": top})
        pc = next(pathlib.Path(top).rglob("bodkin.pc"))
        env = {**os.environ, "PKG_CONFIG_PATH": str(pc.parent), "PKG_CONFIG_SYSROOT_DIR": top}
        out = pathlib.Path(top, "out")
        out.mkdir()
        for command in commands:
            strict = command.replace("cc ", "cc -Wall -Wextra -Werror ", 1).replace(" -o ", f" -o {out}/")
            done = subprocess.run(["sh", "-ec", strict], cwd=ROOT / "examples", env=env, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        usage = subprocess.run([out / "echo_server"], env={**os.environ, "LD_LIBRARY_PATH": str(pc.parent.parent),
                                                              "ASAN_OPTIONS": "verify_asan_link_order=0"},
                               capture_output=True, text=True)
        assert usage.returncode == 2 and usage.stderr.endswith("echo_server [ADDR:]PORT\n"), usage.stderr


@test
def every_rung_stands_on_public_headers_only():
    for source in (ROOT / "examples").glob("*.[ch]"):
        for name in re.findall(r'#include [<"]([^>"]+)[>"]', source.read_text()):
            assert not (ROOT / "src" / name).exists(), f"{source.name} includes {name}"
