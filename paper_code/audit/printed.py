"""The printed tables as the checks read them: rows with their rounding, and the test sets."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from paper_code.audit.finding import NUMBER
from paper_code.audit.splits import TestSet, test_set
from paper_code.published import TABLES, published_table

OURS = "dalaresnet50"  # the network whose lead the paper claims


class Row(NamedTuple):
    """One printed row."""

    key: tuple[str, str]  # data set; network, placement or method
    value: dict[str, float]  # by metric
    half: dict[str, float]  # half a unit of the last printed digit

    def bounds(self, metric: str, unit: int = 1) -> tuple[float, float]:
        """The least and the greatest value that can have been printed so: `unit` half units."""
        margin = unit * self.half[metric]
        return self.value[metric] - margin, self.value[metric] + margin


class Rows:
    """Printed rows: `values` and `half`, one row per printed row and one column per metric."""

    def __init__(self, values: pd.DataFrame, half: pd.DataFrame):
        self.values, self.half = values, half

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Row]:
        values, half = self.values.to_dict("index"), self.half.to_dict("index")
        return (Row(key, values[key], half[key]) for key in values)

    def __getitem__(self, metric: str) -> pd.Series:
        return self.values[metric]

    def bounds(self, metric: str, unit: int = 1) -> tuple[pd.Series, pd.Series]:
        """The least and the greatest values that can have been printed so: `unit` half units."""
        margin = unit * self.half[metric]
        return self.values[metric] - margin, self.values[metric] + margin

    def only(self, keep) -> "Rows":
        """The rows that `keep` (bool) selects."""
        return Rows(self.values[keep], self.half[keep])

    def of(self, name: str, level: str = "dataset") -> "Rows":
        """The rows of one data set, or of one network or placement."""
        return self.only(self.values.index.get_level_values(level) == name)


def rows_of(table: pd.DataFrame) -> Rows:
    """A tidy table with one row per printed row."""
    keys = [key for key in table.columns if key not in ("table", "metric", "printed", "value")]
    digits = table["printed"].str.partition(".")[2].str.len()
    wide = [
        table.assign(value=column)
        .pivot_table(index=keys, columns="metric", values="value", sort=False, aggfunc="first")
        .rename_axis(columns=None)
        for column in (table["value"], 0.5 * 10.0**-digits)
    ]
    return Rows(*wide)


class Printed:
    """All printed tables, or others in their place, in the layout of `published_table`, by name."""

    def __init__(self, tables: Mapping[str, pd.DataFrame] | None = None):
        self._tables = {name: published_table(name) for name in TABLES} | dict(tables or {})
        self._rows: dict[str, Rows] = {}

    def __getitem__(self, table: str) -> pd.DataFrame:
        return self._tables[table]

    def rows(self, table: str, *more: str) -> Rows:
        """The rows of a table ("07" or "VII"), with the columns of others beside them."""
        table = NUMBER.get(table, table)
        if table not in self._rows:
            self._rows[table] = rows_of(self[table])
        rows = self._rows[table]
        if not more:
            return rows
        beside = self.rows(*more)
        return Rows(rows.values.join(beside.values), rows.half.join(beside.half))

    @cached_property
    def quotes(self) -> dict[str, str]:
        """Printed words by their names."""
        return dict(zip(self["quotes"]["metric"], self["quotes"]["printed"], strict=True))

    @cached_property
    def classes(self) -> dict[str, dict[str, int]]:
        """Images per class of each data set (Tables III to V), without the printed totals."""
        images = pd.concat([self[name] for name in ("03", "04", "05")])
        images = images[(images["metric"] == "images") & (images["class"] != "total")]
        return _by_dataset(images, "class")

    @cached_property
    def parts(self) -> dict[str, dict[str, int]]:
        """Images per part of each data set (Table VI); `total` is the printed one."""
        return _by_dataset(self["06"], "part")

    @cached_property
    def tests(self) -> dict[str, TestSet]:
        """The test set of each data set, with every class split that it may have."""
        return {
            dataset: test_set(tuple(sizes.values()), self.parts[dataset]["test"])
            for dataset, sizes in self.classes.items()
        }

    @cached_property
    def totals(self) -> pd.DataFrame:
        """Parameters of Tables IX and X, int64: one row per network, one column per data set."""
        return self._costs("parameters")[["breakhis", "mini_ddsm", "bach"]].astype("int64")

    @cached_property
    def times(self) -> pd.DataFrame:
        """Seconds of Tables IX and X; `breakhis` is the average of the four magnifications."""
        return self._costs("convergence_time_s", "average_time_s")

    def _costs(self, *metrics: str) -> pd.DataFrame:
        rows = pd.concat([self["09"], self["10"]])
        rows = rows[rows["metric"].isin(metrics)]
        return rows.pivot_table(index="network", columns="dataset", values="value", sort=False)


def _by_dataset(table: pd.DataFrame, column: str) -> dict[str, dict[str, int]]:
    return {
        dataset: dict(zip(rows[column], rows["value"].astype(int), strict=True))
        for dataset, rows in table.groupby("dataset", sort=False)
    }
