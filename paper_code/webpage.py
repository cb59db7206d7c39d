"""One HTML file that needs nothing else: what the pages of `explain` and of the report share."""

from html import escape

# Nothing may be loaded from anywhere: pictures, styles and scripts are inside the file.
POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
STYLE = """
:root {
  color-scheme: light dark;
  --page: #fff; --text: #1d2125; --quiet: #565d66; --line: #d0d5da; --panel: #f3f5f7;
  --link: #0b57a4; --good: #1a6b35; --bad: #a3261b; --warn: #7a5300; --warn-page: #fff4d6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #16191c; --text: #e6e8ea; --quiet: #a4acb5; --line: #3b4248; --panel: #22272b;
    --link: #86bdf5; --good: #78cf92; --bad: #f59a90; --warn: #f0cd7d; --warn-page: #362c12;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 0 1.25rem 3rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word;
}
a { color: var(--link); }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1.2rem 0 .6rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .4rem; }
code { background: var(--panel); padding: .1em .25em; border-radius: .2em; }
.quiet { color: var(--quiet); }
.warning {
  background: var(--warn-page); color: var(--warn); padding: .5rem .75rem;
  border-left: .25rem solid;
}
:focus-visible { outline: .15rem solid var(--link); outline-offset: .1rem; }
"""


def document(title: str, body: str, style: str = "", script: str = "") -> str:
    """A whole HTML page.

    Args:
        title: plain text.
        body: HTML.
        style: CSS after `STYLE`.
        script: JavaScript, run when the body has been read.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n"
        f"<body>\n{body}\n"
        + (f"<script>{script}</script>\n" if script else "")
        + "</body>\n</html>\n"
    )
