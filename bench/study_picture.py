# SPDX-License-Identifier: Apache-2.0
"""The picture of bench/study.py: what each technique brings, and what the next one would. SVG, light and dark."""
import html
import xml.etree.ElementTree

WIDTH, LEFT, BAR, STEP, NUMBER = 760, 250, 18, 30, 60
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #222 } .head { font-weight: 600; font-size: 15px } .small { font-size: 11px; fill: #666 }
  .before { fill: #4a78b5 } .more { fill: #e08214 } .rest { fill: #dddddd } .page { fill: #ffffff }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e6e6 } .small { fill: #a0a0a0 } .before { fill: #6f9bd8 } .more { fill: #f2a541 } .rest { fill: #3a3f47 }
    .page { fill: #15181d }
  }
"""
NAMES = {
    "tcp": "+ TCP beside it",
    "ipv6": "+ IPv6",
    "mapped": "+ ports that routers open",
    "predict/udp": "+ predicted ports",
    "blocks": "+ guessed in a block",
    "birthday": "+ birthday",
    "predict/tcp": "+ predicted over TCP",
}


class Sheet:
    def __init__(self):
        self.parts, self.y = [], 0

    def text(self, x, words, kind="", anchor="start"):
        self.parts.append(f'<text x="{x:.0f}" y="{self.y:.0f}" class="{kind}" text-anchor="{anchor}">{html.escape(words)}</text>')

    def bar(self, x, width, kind):
        self.parts.append(f'<rect x="{x:.1f}" y="{self.y - BAR + 4:.0f}" width="{max(width, 0):.1f}" height="{BAR}" class="{kind}"/>')

    def line(self, name, parts, number):
        """One bar of (share of the full width, kind) one behind the other."""
        full = WIDTH - LEFT - NUMBER - 20
        self.text(LEFT - 10, name, anchor="end")
        x = LEFT
        for share, kind in parts:
            self.bar(x, full * share, kind)
            x += full * share
        self.text(WIDTH - 14, number, anchor="end")
        self.y += STEP

    def heading(self, words, below):
        self.y += 14
        self.text(16, words, "head")
        self.y += 18
        self.text(16, below, "small")
        self.y += 26

    def svg(self):
        height = self.y + 6
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}" '
                f'role="img" aria-label="Share of pairs that connect directly">\n<style>{STYLE}</style>\n'
                f'<rect class="page" width="{WIDTH}" height="{height:.0f}"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def draw(results):
    sheet = Sheet()
    sheet.y = 14
    draw_ladder(sheet, results)
    draw_next(sheet, results)
    return sheet.svg()


def draw_ladder(sheet, results):
    sheet.heading("Pairs that connect directly",
                  f"{results.study.pairs:,} drawn pairs; orange: what this technique adds; grey: relayed")
    before = 0
    for name, step in zip((None, *results.ladder), results.steps):
        old = before if name else step.share
        parts = [(min(old, step.share), "before"), (max(0, step.share - old), "more"), (1 - step.share, "rest")]
        sheet.line(NAMES.get(name, "UDP punching alone"), parts, f"{100 * step.share:.2f} %")
        before = step.share


def draw_next(sheet, results):
    rows = [(short, share) for _, short, share in results.next_ones() if share > 0]
    relayed = 1 - results.all.share
    sheet.heading("What the next technique would bring, at most",
                  f"full width: all pairs that stay relayed, {100 * relayed:.2f} % of all; a bound, were it never to fail")
    for short, share in sorted(rows, key=lambda row: -row[1]):
        sheet.line(short, [(share / relayed, "more"), (1 - share / relayed, "rest")], f"{100 * share:.2f} %")


def is_sound(svg):
    root = xml.etree.ElementTree.fromstring(svg)
    inside = all(float(r.get("x", 0)) + float(r.get("width")) <= WIDTH + 1 for r in root.iter() if r.tag.endswith("rect"))
    return inside and "prefers-color-scheme: dark" in svg and "<script" not in svg
