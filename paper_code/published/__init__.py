"""The numbers printed in the paper, transcribed as they stand, slips included.

One tidy CSV per table, `text.csv` for the numbers of the running text, `quotes.csv` for sentences
and captions (by name, in the column `metric`), and `references.csv` for the titles of the
references, where each is cited, and for which method or measure. `printed` is the text in the
paper, `value` the same as a number. The paper gives "F1" as a pair a/b without saying which is
which: `f1_first` and `f1_second`. `breakhis` as a data set stands for the four magnifications
together, `total` as a class or a part for the printed totals. `others.csv` is not the paper's: it
has what others measured on BreakHis.
"""

from pathlib import Path

import pandas as pd

from paper_code.errors import UserError

TABLES = (*(f"{number:02d}" for number in range(1, 15)), "text", "quotes", "references")

# F1 is printed as a pair a/b; what a and b are is discussed in tables/audit.md.
PRINTED_NAMES = {"f1_macro": "f1_first", "f1_weighted": "f1_second"}

_FOLDER = Path(__file__).parent


def published_table(table: str | int) -> pd.DataFrame:
    """One printed table (7, "07", "table_07", "text", "quotes", "references"): a row per number.

    Columns: `table` (str), then what the number belongs to (of `dataset`, `network`, `placement`,
    `method`, `module`, `class`, `part`, `section`, `reference`), `metric`, `printed` (str) and
    `value` (float64). `*_s` are seconds, `*_px` pixels, `images` and `parameters` counts. UserError
    if the paper has no such table.
    """
    key = str(table).strip().lower().removeprefix("table_").split("_")[0].zfill(2)
    if key not in TABLES:
        raise UserError(
            f"published_table: the paper has no table {table!r}; choose one of {', '.join(TABLES)}"
        )
    name = f"table_{key}.csv" if key.isdigit() else f"{key}.csv"
    frame = pd.read_csv(_FOLDER / name, dtype=str, keep_default_na=False)
    return frame.assign(value=pd.to_numeric(frame["value"]).astype(float))


def printed_value(table: str, **keys: str) -> float:
    """One printed number, such as printed_value("07", dataset=..., network=..., metric=...).

    `metric` is our name of it. NaN where the paper does not print it.
    """
    printed = published_table(table)
    keys["metric"] = PRINTED_NAMES.get(keys["metric"], keys["metric"])
    for column, value in keys.items():
        printed = printed[printed[column] == value]
    return float(printed["value"].iloc[0]) if len(printed) else float("nan")
