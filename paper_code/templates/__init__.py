"""Pages as Jinja2 templates, which lie beside this file, and rendering them.

A NAME.html.j2 extends `page.html.j2`, and what it is given is escaped; a NAME.md.j2 is Markdown.
Pages load nothing from elsewhere: pictures, styles and scripts are inside.
"""

import base64
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from paper_code.progress import count_text


def anchor(heading: str) -> str:
    """What a heading is called in a link, as GitHub does it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def data_uri(content: bytes, kind: str) -> str:
    """A picture for `src` or `url()`; kind: "jpeg" or "png"."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=lambda name: name.endswith(".html.j2"),
    undefined=StrictUndefined,  # what is forgotten is an error, not an empty place
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
ENVIRONMENT.filters |= {"counted": count_text, "anchor": anchor, "data_uri": data_uri}


def render(template: str, **values: object) -> str:
    """The text of a page: `template` is its file's name, `values` are what it mentions."""
    return ENVIRONMENT.get_template(template).render(values)
