#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the API's manual pages (section 3) from the public headers and the comments in them.

    docs/api.py FOLDER [HEADERS]      one page a header (bodkin_session.3), and one name a function that leads to it
    docs/api.py --check [HEADERS]     fail where a function has no comment, or a header no thread rule
    docs/api.py --install MANDIR      what `meson install` runs

A comment belongs to the declarations right below it, up to the next empty line or comment; one behind a declaration
belongs to that; one that stands alone is text of its own.
"""
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADERS = ROOT / "include/bodkin"
NO_PAGE = {"bodkin.h"}  # includes the others and says nothing of its own

CPLUSPLUS = re.compile(r"^#ifdef __cplusplus\n.*?^#endif\n", re.M | re.S)
MACRO_ROW = re.compile(r'X\((\w+), (-?\d+), "([^"]*)", "([^"]*)"\)')
DIRECTIVE = re.compile(r"^#(?:.*\\\n)*.*\n", re.M)
COMMENT = re.compile(r"/\*.*?\*/", re.S)
FUNCTION = re.compile(r"\bBK_API\b[^;]*?\b(bk_\w+)\(")
SECTION = re.compile(r"-{2,}\s*(.*?)\s*-{2,}$")


class Group:
    """Declarations that share a comment. Without declarations: a text that stands alone."""

    def __init__(self, comment=""):
        self.comment, self.code, self.behind = comment, [], []

    def functions(self):
        return [name for code in self.code for name in FUNCTION.findall(COMMENT.sub("", code))]

    def is_said(self, name):
        """Whether anything is said of this function: above the group, or behind its line."""
        return bool(self.comment) or any(re.search(rf"\b{name}\(", code) for code in self.behind)


def end_of_declaration(text, at):
    depth = 0
    while at < len(text):
        if text.startswith("/*", at):
            at = text.index("*/", at) + 1
        depth += (text[at] in "{(") - (text[at] in "})")
        at += 1
        if text[at - 1] == ";" and depth == 0:
            break
    return at


def words_of(comment):
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in comment[2:-2].strip().split("\n")]
    return "\n".join(lines)


def parse(text):
    """The groups of a header, in order."""
    text = DIRECTIVE.sub("\n", CPLUSPLUS.sub("\n", text))
    groups, at, is_open = [], 0, False
    while True:
        gap = re.compile(r"\s*").match(text, at)[0]
        at += len(gap)
        if at == len(text):
            return groups
        is_open = is_open and gap.count("\n") < 2
        comment = COMMENT.match(text, at)
        end = comment.end() if comment else end_of_declaration(text, at)
        if comment and "\n" not in gap and groups and groups[-1].code:
            groups[-1].code[-1] += " " + comment[0]
            groups[-1].behind.append(groups[-1].code[-1])
        elif comment:
            groups.append(Group(words_of(comment[0])))
            is_open = True
        else:
            if not is_open:
                groups.append(Group())
                is_open = True
            groups[-1].code.append(text[at:end])
        at = end


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def code(lines):
    out = roff("\n".join(lines).replace("BK_API ", ""))
    return ".PP\n.nf\n" + re.sub(r"\b(bk_\w+)(?=\()", r"\\fB\1\\fP", out) + "\n.fi\n"


def paragraphs(text):
    return "".join(f".PP\n{roff(part)}\n" for part in re.split(r"\n\s*\n", text) if part)


def page(header, version):
    text = header.read_text()
    groups = parse(text)
    title = f"bodkin_{header.stem}"
    functions = [name for group in groups for name in group.functions()]
    about = next((g.comment for g in groups if g.comment and "SPDX" not in g.comment), "")
    first = " ".join(re.split(r"[.:;](?:\s|$)", about)[0].split())
    out = [f'.TH {title.upper()} 3 "" "bodkin {version}" "bodkin"\n.nh\n.ad l\n.SH NAME\n',
           roff(", ".join([title, *functions])), f" \\- {roff(first)}\n",
           f".SH SYNOPSIS\n.nf\n\\fB#include <bodkin/{header.name}>\\fP\n.sp\ncc ... $(pkg\\-config \\-\\-cflags \\-\\-libs bodkin)\n.fi\n",
           ".SH DESCRIPTION\n"]
    for group in groups:
        section = SECTION.match(group.comment)
        if "SPDX" in group.comment:
            continue
        if section and not group.code:
            out.append(f".SH {roff(section[1].upper())}\n")
            continue
        out += [code(group.code)] if group.code else []
        out += [paragraphs(group.comment)] if group.comment else []
    rows = MACRO_ROW.findall(text)
    if rows:
        out.append(".SH ERRORS\n" + "".join(f".TP\n.B BK_E_{a}\n{roff(d)} ({roff(b)}, \"{roff(c)}\")\n" for a, b, c, d in rows))
    return title, functions, "".join(out) + ".SH SEE ALSO\n.BR bodkin (1),\n.BR bodkin_api (3)\n"


def headers(folder):
    return [h for h in sorted(folder.glob("*.h")) if h.name not in NO_PAGE]


def write(into, folder):
    version = re.search(r"version: '(.*)'", (ROOT / "meson.build").read_text())[1]
    into.mkdir(parents=True, exist_ok=True)
    for header in headers(folder):
        title, functions, text = page(header, version)
        (into / f"{title}.3").write_text(text)
        for name in functions:
            (into / f"{name}.3").write_text(f".so man3/{title}.3\n")


def check(folder):
    bad = []
    for header in headers(folder):
        text = header.read_text()
        groups = parse(text)
        bad += [f"{header.name}: {name} has no comment" for group in groups for name in group.functions()
                if not group.is_said(name)]
        if any(group.functions() for group in groups) and "hread" not in text:
            bad.append(f"{header.name}: from which thread may its functions be called?")
    print("\n".join(bad))
    return int(bool(bad))


def main():
    verb, *more = sys.argv[1:]
    if verb == "--install":
        write(pathlib.Path(os.environ["MESON_INSTALL_DESTDIR_PREFIX"], more[0], "man3"), HEADERS)
        return 0
    folder = pathlib.Path(more[0]) if more else HEADERS
    return check(folder) if verb == "--check" else write(pathlib.Path(verb), folder)


if __name__ == "__main__":
    sys.exit(main())
