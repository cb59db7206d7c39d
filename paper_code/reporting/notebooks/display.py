"""What the notebooks say and show: conclusions made from the tables, tables, pictures.

Nothing here states a finding. Every sentence follows from the rows it is given, so that a notebook
stays true for demo and paper results alike.
"""

import io

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Image, Markdown, display
from matplotlib.figure import Figure
from PIL import Image as Picture

from paper_code.reporting.claims.answer import answer
from paper_code.reporting.markdown import markdown
from paper_code.reporting.notebooks.results import find_result

DPI = 100
WIDTH = 1000  # px of a picture of figures/ in a notebook
BYTES = 130_000  # of one picture


def say(text: str) -> None:
    """A paragraph below a cell."""
    display(Markdown(text))


def conclude(tables: dict[str, pd.DataFrame]) -> None:
    """The lines of the answer that these tables allow: what a notebook comes to."""
    lines = answer(tables)
    if lines:
        say("\n\n".join(f"**{line.head}.** {line.text}" for line in lines))


def show_table(table: pd.DataFrame, caption: str = "") -> None:
    """A table for reading; all cells as text."""
    if not table.empty:
        say("\n\n".join([*([caption] if caption else []), markdown(table)]))


def show(figure: Figure, caption: str) -> None:
    """Display a figure as a PNG of the same bytes each time, with its caption, and close it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    display(Image(_small(buffer.getvalue())))
    say(f"*{caption}*")


def show_figure(name: str, caption: str) -> None:
    """Display a picture of `figures/`, at most `WIDTH` px wide, with its caption."""
    path = find_result("figures", name, "png")
    if path is not None:
        display(Image(_small(path.read_bytes())))
        say(f"*{caption}*")


def _small(data: bytes) -> bytes:
    """A PNG of 256 colours, `WIDTH` px wide or less, until it has `BYTES`: notebooks stay small."""
    picture = Picture.open(io.BytesIO(data)).convert("RGB")
    width = min(picture.width, WIDTH)
    while True:
        size = (width, round(picture.height * width / picture.width))
        buffer = io.BytesIO()
        small = picture.resize(size, Picture.Resampling.LANCZOS)
        small.quantize(256, dither=Picture.Dither.NONE).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= BYTES or width <= WIDTH // 2:
            return buffer.getvalue()
        width = round(0.85 * width)
