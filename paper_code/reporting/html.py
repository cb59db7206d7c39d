"""Tables' Markdown pages as HTML, for the report: nothing is loaded from or linked elsewhere."""

from pathlib import Path

import mistune

from paper_code.files import write_text

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid #ddd; padding: .3em .8em; text-align: left; }
th { border-bottom: 2px solid #888; }
code { background: #f3f3f3; }
"""


class Page(mistune.HTMLRenderer):
    """Links to other files of the repository would lead nowhere from inside the report."""

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """The text alone."""
        return text


def write_page(table: str | Path, output: str | Path) -> None:
    """Write `output` (.html) from the Markdown page `table`."""
    to_html = mistune.create_markdown(renderer=Page(), plugins=["table"])
    path = Path(table)
    head = f'<meta charset="utf-8"><title>{path.stem}</title><style>{STYLE}</style>'
    body = to_html(path.read_text(encoding="utf-8"))
    page = f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}</body></html>\n'
    write_text(output, page)
