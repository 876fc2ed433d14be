#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail where a comment, or a page for contributors, names what does not exist any more; and on comment lines that are
too long.

    tests/arch/comments.py ROOT

A name is a word with an underscore, or a file's. It has to be a word of the code (or the end of one, as ASK_ACCEPT is of
BK_TRANSFER_ASK_ACCEPT), or begin one where it ends with the underscore; a file has to be there. What others named is in
OTHERS. Comments keep the lines that their writer gave them, so nothing else holds those to a width.
"""
import pathlib
import re
import sys

WIDTH_MAX = 120
CODE = ("bench", "examples", "include", "lab", "src", "tests")
PAGES = ("*.md", "docs/*.md", "docs/protocol/*.md", "examples/*.md")
OTHERS = {
    "CONNECTION_CLOSE", "TIME_WAIT", "close_notify", "generator_string", "lv_cat", "nf_conntrack",
    "nf_conntrack_proto_tcp", "off_t", "packet_mmap", "rmem_max", "sd_notify", "user_namespaces", "virtio_net_hdr",
    "net/netfilter/nf_conntrack_proto_tcp.c",
}

PIECE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
WORD = re.compile(r"(?<![\w/.])[A-Za-z]\w*_\w*")
FILE = re.compile(r"(?<![\w/.<*-])(?:[\w-]+/)*[\w-]+\.(?:\[ch\]|(?:[ch]|py)\b)(?!/)")
PLACEHOLDER = re.compile(r"NAME|noun")


def is_comment(piece):
    return piece[0] == "/"


class Tree:
    def __init__(self, root):
        self.root = root
        self.files = [p for top in CODE for end in ("c", "h", "inc", "py") for p in (root / top).rglob(f"*.{end}")]
        self.names = {f"/{p.relative_to(root)}" for p in self.files} | {f"/{p.name}" for p in root.glob("docs/*.py")}
        self.comments, self.words = [], set()
        for path in [*self.files, *root.glob("meson.build")]:
            self.read(path, path.read_text())
        for pattern in PAGES:
            self.comments += [(p, 1, p.read_text()) for p in root.glob(pattern)]
        self.ends = {word[at + 1:] for word in self.words for at, c in enumerate(word) if c == "_"}

    def read(self, path, text):
        if path.suffix in (".py", ".build"):
            self.words |= set(re.findall(r"\w+", text))
            return
        for m in PIECE.finditer(text):
            if is_comment(m[0]):
                self.comments.append((path, text[:m.start()].count("\n") + 1, m[0]))
        self.words |= set(re.findall(r"\w+", PIECE.sub(lambda m: " " if is_comment(m[0]) else m[0], text)))

    def has_word(self, word):
        if word in self.words or word in self.ends or word in OTHERS or PLACEHOLDER.search(word):
            return True
        return word.endswith("_") and any(w.startswith(word) for w in self.words)

    def has_file(self, name):
        wanted = [name.replace("[ch]", end) for end in "ch"] if "[ch]" in name else [name]
        is_there = all(any(n.endswith(f"/{w}") for n in self.names) for w in wanted)
        return is_there or name in OTHERS or PLACEHOLDER.search(name)

    def bad(self):
        for path, line, text in self.comments:
            gone = [(m.start(), m[0]) for m in WORD.finditer(FILE.sub("", text)) if not self.has_word(m[0])]
            gone += [(m.start(), m[0]) for m in FILE.finditer(text) if not self.has_file(m[0])]
            for at, name in gone:
                yield f"{path.relative_to(self.root)}:{line + text[:at].count(chr(10))}: there is no {name}"
            if path.suffix == ".md":
                continue
            for n, row in enumerate(text.split("\n")):
                if len(row.expandtabs(8)) > WIDTH_MAX:
                    yield f"{path.relative_to(self.root)}:{line + n}: a comment beyond {WIDTH_MAX} columns"


def main():
    found = list(Tree(pathlib.Path(sys.argv[1])).bad())
    print("\n".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
