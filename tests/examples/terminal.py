# SPDX-License-Identifier: Apache-2.0
"""A terminal small enough to be checked by eye: what a person would see of a program behind a pty."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unicodedata

running = set()  # terminals whose program has not been waited for
CONTROL = re.compile(rb"\x1b\[\??(\d*)([A-Za-z])")


def width(character):
    if unicodedata.combining(character) or character in "\u200c\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    """Rows of text and a cursor; margins wrap the way xterm's do: when the next character comes."""

    def __init__(self, columns):
        self.columns, self.rows, self.y, self.x = columns, [[]], 0, 0

    def put(self, character):
        columns = width(character)
        if not columns:  # it stands upon the one before
            cell = max(i for i in range(self.x) if self.rows[self.y][i])
            self.rows[self.y][cell] += character
            return
        if self.x + columns > self.columns:
            self.down()
            self.x = 0
        row = self.rows[self.y]
        row.extend(" " * (self.x + columns - len(row)))
        row[self.x:self.x + columns] = [character] + [""] * (columns - 1)
        self.x += columns

    def resize(self, columns):
        """Narrower: what does not fit goes on in a row of its own, and the cursor stays at its character, as most do it."""
        rows, y = [], 0
        for i, row in enumerate(self.rows):
            if i == self.y:
                y = len(rows) + self.x // columns
            rows += [row[at:at + columns] for at in range(0, max(len(row), 1), columns)]
        rows += [[] for _ in range(y + 1 - len(rows))]
        self.rows, self.y, self.x, self.columns = rows, y, self.x % columns, columns

    def down(self):
        self.y += 1
        if self.y == len(self.rows):
            self.rows.append([])

    def control(self, number, final):
        n = int(number or 1)
        if final == b"A":
            self.y = max(0, self.y - n)
        elif final == b"C":
            self.x = min(self.columns - 1, self.x + n)
        elif final == b"G":
            self.x = n - 1
        elif final in b"JK" and not number:
            del self.rows[self.y][self.x:]
            if final == b"J":
                del self.rows[self.y + 1:]
        elif final == b"P":
            del self.rows[self.y][self.x:self.x + n]
        elif final == b"@":
            self.rows[self.y][self.x:self.x] = " " * n
        elif final == b"H" and not number:
            self.y = self.x = 0
        elif final == b"J" and number == b"2":
            self.rows[:] = [[] for _ in range(self.y + 1)]
        elif final not in b"mhl":  # bold, and brackets around a paste
            raise AssertionError(f"a control sequence this terminal does not know: {number} {final}")

    def text(self):
        return ["".join(row).rstrip() for row in self.rows]


class Terminal:
    """A program on a pseudo-terminal, and the screen that shows it."""

    def __init__(self, command, columns=60, env=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
                os.execve(command[0], command, {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **(env or {})})
            finally:
                os._exit(127)
        os.set_inheritable(self.fd, False)  # or the next program would keep this terminal open
        running.add(self)
        self.screen, self.pending = Screen(columns), b""

    def type(self, text):
        os.write(self.fd, text.encode())

    def feed(self, data):
        data = self.pending + data
        self.pending = b""
        while data:
            match = CONTROL.match(data)
            byte = data[:1]
            if match:
                self.screen.control(match[1], match[2])
                data = data[match.end():]
                continue
            if byte == b"\x1b" and len(data) < 8 or data[0] >= 0xc0 and len(data) < 4:
                try:  # a sequence that may be cut
                    data.decode()
                    assert byte != b"\x1b"
                except (UnicodeDecodeError, AssertionError):
                    self.pending = data
                    return
            data = self.feed_one(data)

    def feed_one(self, data):
        if data[:1] == b"\r":
            self.screen.x = 0
        elif data[:1] == b"\n":
            self.screen.down()
        elif data[:1] == b"\b":
            self.screen.x = max(0, min(self.screen.x, self.screen.columns - 1) - 1)
        elif data[:1] != b"\a":
            n = 1 if data[0] < 0x80 else 2 if data[0] < 0xe0 else 3 if data[0] < 0xf0 else 4
            self.screen.put(data[:n].decode())
            return data[n:]
        return data[1:]

    def wait_for(self, last_rows, seconds=20):
        """Until the screen ends with these rows."""
        deadline = time.monotonic() + seconds
        while self.screen.text()[-len(last_rows):] != last_rows:
            ready = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))[0]
            assert ready, f"expected {last_rows}, the screen shows {self.screen.text()}"
            self.feed(os.read(self.fd, 4096))

    def resize(self, columns):
        """After everything that was drawn for the old width has been read."""
        self.screen.resize(columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def hang_up(self):
        """The window is closed; the exit code."""
        os.close(self.fd)
        return self.wait()

    def wait(self):
        running.discard(self)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def end(self):
        """The exit code, after everything that was printed has been read."""
        try:
            while data := os.read(self.fd, 4096):
                self.feed(data)
        except OSError:  # EIO: the program has ended
            pass
        os.close(self.fd)
        return self.wait()


def kill_all():
    """After a case that failed in the middle."""
    for t in list(running):
        os.kill(t.pid, signal.SIGKILL)
        t.wait()
