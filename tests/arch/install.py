#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `make install` leaves is enough to build against: headers, library, pkg-config file, program, man page."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build")
PROGRAM = r"""
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <bodkin/bodkin.h>

struct page {
	struct bk_loop *loop;
	struct bk_service *service;
	struct bk_conn *client;
	char heard[32];
};

static void on_asked(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	(void)arg;
	bk_conn_send(c, m);
}

static void on_answer(struct bk_conn *c, void *arg, const struct bk_message *m)
{
	struct page *p = arg;

	snprintf(p->heard, sizeof(p->heard), "%.*s", (int)m->content_len, (const char *)m->content);
	bk_conn_close(c);
}

static void on_left(struct bk_conn *c, void *arg, int error, const char *text)
{
	struct page *p = arg;

	(void)c;
	(void)text;
	printf("%s: %s\n", p->heard, error ? bk_error_name(error) : "well");
	bk_service_stop(p->service, 0);
}

static void on_stopped(struct bk_service *s, void *arg)
{
	(void)s;
	bk_loop_stop(((struct page *)arg)->loop);
}

/* A message goes to a service and comes back. The options and events are gone before it does. */
static int begin(struct page *p)
{
	struct bk_message_opts opts = {.size = sizeof(opts), .framing = BK_FRAMING_LENGTH};
	struct bk_message_events serves = {.on_message = on_asked, .on_stopped = on_stopped};
	struct bk_message_events asks = {.size = sizeof(asks), .on_message = on_answer, .on_left = on_left};
	const struct bk_message m = {.content = "around", .content_len = 6};
	char address[BK_ADDR_STR_MAX];
	struct bk_addr at;
	int err = bk_service_new(p->loop, "127.0.0.1:0", &opts, &serves, p, &p->service, NULL);

	if (err < 0 || bk_addr_from_ip("127.0.0.1", bk_service_port(p->service), &at) < 0)
		return err;
	err = bk_conn_connect(p->loop, bk_addr_to_str(&at, address), &opts, &asks, p, &p->client);
	if (!err)
		err = bk_conn_send(p->client, &m);
	memset(&opts, 0xff, sizeof(opts));
	memset(&serves, 0xff, sizeof(serves));
	memset(&asks, 0xff, sizeof(asks));
	return err;
}

static void on_closed(struct bk_session *s, void *arg, int error, const char *text)
{
	(void)s;
	(void)text;
	*(int *)arg = error;
}

/* As a header of later would have it: one member more. */
struct later {
	struct bk_session_opts now;
	uint64_t more;
};

static int start_later(struct bk_loop *loop, size_t size, uint64_t more)
{
	struct later opts = {.now = {.size = size, .server = "127.0.0.1:1", .name = "me"}, .more = more};
	const struct bk_session_events events = {.size = sizeof(events), .on_closed = on_closed};
	struct bk_session *s = NULL;
	int ended, err = bk_session_new(loop, &opts.now, &events, &ended, &s);

	bk_session_free(s);
	return err;
}

int main(void)
{
	struct page p = {.heard = "nothing"};

	if (bk_loop_new(BK_LOOP_POLL, &p.loop) < 0)
		return 1;
	printf("%s %s %s\n", bk_version(), bk_loop_backend_name(p.loop), bk_transport_name(BK_TRANSPORT_UDP));
	printf("same %d, none said %d, more and unused %d\n",
		start_later(p.loop, sizeof(struct bk_session_opts), 1), start_later(p.loop, 0, 1),
		start_later(p.loop, sizeof(struct later), 0));
	printf("more %s, less %s\n", bk_error_name(start_later(p.loop, sizeof(struct later), 1)),
		bk_error_name(start_later(p.loop, sizeof(size_t), 0)));
	if (begin(&p) < 0 || bk_loop_run(p.loop) < 0)
		return 1;
	bk_service_free(p.service);
	bk_loop_free(p.loop);
	return 0;
}
"""
SAYS = """{} poll udp
same 0, none said 0, more and unused 0
more unsupported, less invalid
around: well
"""
EXAMPLES = {  # each stands on the installed headers and library alone
    "own_loop": ["common.c"],
    "file_chat": ["common.c", "lines.c", "file_mailbox.c"],
}
results = []


def case(name, good, detail=""):
    results.append(bool(good))
    print(f"{'ok' if good else 'not ok'} - {name}" + ("" if good else f": {detail}"))


def run(command, **more):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)


with tempfile.TemporaryDirectory() as top:
    top = pathlib.Path(top)
    done = run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet"], env={**os.environ, "DESTDIR": str(top)})
    case("make install succeeds", done.returncode == 0, done.stderr[-500:])
    pcs = list(top.rglob("bodkin.pc"))
    headers = {p.name for p in (ROOT / "include/bodkin").glob("*.h")}
    case("every public header is there", headers == {p.name for p in top.rglob("include/bodkin/*.h")})
    case("a pkg-config file is there", len(pcs) == 1, str(pcs))
    programs = [p for p in top.rglob("bin/bodkin") if os.access(p, os.X_OK)]
    case("the program is there", len(programs) == 1)
    case("the man page is there", list(top.rglob("bodkin.1*")))
    for whose in ("system/bodkin.service", "user/bodkin-recv.service"):
        units = list(top.rglob(f"lib/systemd/{whose}"))
        starts = [p for u in units for p in re.findall(r"^ExecStart=(\S+)", u.read_text(), re.M)]
        case(f"the unit {whose} is there and starts the program", programs and starts == [f"/{programs[0].relative_to(top)}"], str(starts))
    version = re.search(r"version: '(.*)'", (ROOT / "meson.build").read_text())[1]
    exported = (ROOT / "src/bodkin.exports").read_text().split()
    missing = [name for name in exported if not list(top.rglob(f"man3/{name}.3"))]
    case("every exported function has its manual page", not missing, ", ".join(missing))
    for kind in ("shared", "static"):
        env = {**os.environ, "PKG_CONFIG_PATH": str(pcs[0].parent), "PKG_CONFIG_SYSROOT_DIR": str(top)}
        (top / "x.c").write_text(PROGRAM)
        flags = run(["pkg-config", "--cflags", "--libs", "bodkin"], env=env).stdout.split()
        libdir = next(iter(top.rglob("libbodkin.a"))).parent
        if kind == "static":  # ours static, what it stands on as the system has it
            below = run(["pkg-config", "--print-requires-private", "bodkin"], env=env).stdout.split("\n")
            names = [line.split()[0] for line in below if line.strip()]
            flags = [str(libdir / "libbodkin.a") if f == "-lbodkin" else f for f in flags]
            flags += run(["pkg-config", "--libs", *names]).stdout.split() + ["-lm"]
        built = run(["cc", "-std=c17", "-Wall", "-Werror", top / "x.c", "-o", top / kind, *flags])
        case(f"a program builds against the {kind} library", built.returncode == 0, built.stderr[-800:])
        ran = run([top / kind], env={**os.environ, "LD_LIBRARY_PATH": str(libdir)}) if built.returncode == 0 else None
        case(f"and runs ({kind})", ran and ran.returncode == 0 and ran.stdout == SAYS.format(version), ran and ran.stdout + ran.stderr)
    flags = run(["pkg-config", "--cflags", "--libs", "bodkin"], env=env).stdout.split()
    for name, more in EXAMPLES.items():
        files = [ROOT / "examples" / f for f in (f"{name}.c", *more)]
        built = run(["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", *files, "-o", top / name, *flags])
        case(f"examples/{name} builds against what is installed", built.returncode == 0, built.stderr[-800:])
        if built.returncode == 0:
            ran = run([top / name], env={**os.environ, "LD_LIBRARY_PATH": str(libdir)})
            case(f"and says how it is used ({name})", "usage" in ran.stderr.lower(), ran.stdout + ran.stderr)
with tempfile.TemporaryDirectory() as top:
    copy = pathlib.Path(top) / "copy"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=lambda folder, names: [n for n in names if n.startswith(("build", ".git"))])
    shutil.copytree(BUILD / "meson-info", copy / "build/meson-info")
    shutil.copy(BUILD / "build.ninja", copy / "build")
    done = run(["make", "-C", copy, "configure"], env={k: v for k, v in os.environ.items() if not k.startswith("M")})
    info = json.loads((copy / "build/meson-info/meson-info.json").read_text())
    case("a copy of the tree is built for itself", info["directories"]["source"] == str(copy), done.stdout[-300:] + done.stderr[-300:])
print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
sys.exit(not all(results))
