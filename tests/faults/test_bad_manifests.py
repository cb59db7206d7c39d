"""Lists of a user's own images that are wrong, odd or hostile."""

import tempfile
from pathlib import Path

import pandas as pd
import pytest
from conftest import DRAWS, save_noise
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_code import cli
from paper_code.datasets import manifest as manifests
from paper_code.errors import UserError

HEADER = "path,label,group,mask\n"
NAMES = {"a0.png": "benign", "a1.png": "benign", "b0.png": "malignant", "b1.png": "malignant"}
ROWS = "".join(f"{name},{label},p{n},\n" for n, (name, label) in enumerate(NAMES.items()))
PLAIN = HEADER + ROWS


@pytest.fixture
def own(tmp_path):
    """own(content) -> the manifest, beside four images and two links; `b2.png` is `b1.png`."""
    folder = tmp_path / "set"
    for seed, name in enumerate((*NAMES, "ünïcode, with a comma.PNG")):
        save_noise(folder / name, seed)
    (folder / "b2.png").write_bytes((folder / "b1.png").read_bytes())
    save_noise(tmp_path / "elsewhere/x.png", 50)
    (folder / "far").symlink_to(tmp_path / "elsewhere")
    (folder / "circle.png").symlink_to("circle.png")

    def write(content: str | bytes) -> Path:
        path = folder / "manifest.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def listed(own, tmp_path):
    """listed(content) -> what `manifest` writes of it, as text."""

    def table(content: str) -> pd.DataFrame:
        output = tmp_path / "out/manifest.csv"
        words = ["manifest", "mine", "--manifest", str(own(content)), "-o", str(output)]
        assert cli.main(words) == 0
        return pd.read_csv(output, dtype=str, keep_default_na=False)

    return table


def first_row(row: str) -> str:
    return HEADER + row + "\n" + ROWS.partition("\n")[2]


WRONG = {
    "no bytes": (b"", "not a readable CSV"),
    "UTF-16": (PLAIN.encode("utf-16"), "not a CSV file in UTF-8"),
    "a web page": ("<!doctype html>\n<html><body>Log in</body></html>\n", "column missing"),
    "semicolons": (PLAIN.replace(",", ";"), "column missing: path, label"),
    "the label column twice": ("path,label,label\na0.png,benign,malignant\n", "label twice"),
    "open quote": (PLAIN + '"b1.png,malignant\n', "not a readable CSV"),
    "no path": (first_row(",benign,p,"), "line 2 has no path"),
    "a row twice": (PLAIN + "b1.png,malignant,p3,\n", "b1.png more than once"),
    "absolute path": (first_row("/etc/passwd,benign,p,"), "must be relative"),
    "parent folder": (first_row("../elsewhere/x.png,benign,p,"), "must be relative"),
    "no such image": (first_row("gone.png,benign,p,"), "gone.png, which does not exist"),
    "a circle of links": (first_row("circle.png,benign,p,"), "circle.png"),
    "one of two masks": (first_row("a0.png,benign,p,a1.png;gone.png"), "gone.png, which does not"),
    "labels in two cases": (first_row("a0.png,Benign,p,"), "'Benign' and 'benign' differ in case"),
    "one image with two labels": (PLAIN + "b2.png,benign,p9,\n", "the same image with two labels"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_refused(fault, own, tmp_path, refused):
    content, says = WRONG[fault]
    refused("manifest", "mine", "--manifest", own(content), "-o", tmp_path / "out.csv", says=says)


ODD = {
    "byte order mark and CRLF": "\ufeff" + PLAIN.replace("\n", "\r\n"),
    "spaces around values": PLAIN.replace("benign", " benign  "),
    "another order of columns": "label,path,mask,group\n"
    + "".join(f"{label},{name},,p{n}\n" for n, (name, label) in enumerate(NAMES.items())),
    "further columns": "path,label,group,mask,age\n" + ROWS.replace(",\n", ",,61\n"),
}


@pytest.mark.parametrize("oddity", ODD)
def test_accepted_as_the_plain_one(oddity, listed):
    expected = listed(PLAIN)
    assert expected["label"].tolist() == list(NAMES.values())
    assert expected["group"].tolist() == ["p0", "p1", "p2", "p3"]
    pd.testing.assert_frame_equal(listed(ODD[oddity])[list(expected)], expected)


def test_values_that_look_like_others_stay_text(listed):
    table = listed(HEADER + "a0.png,0,007,\na1.png,NA,nan,\nb0.png,1e3,,\nb1.png,0,007,\n")
    assert table["label"].tolist() == ["0", "NA", "1e3", "0"]
    assert table["group"].tolist() == ["007", "nan", "", "007"]


def test_links_and_odd_names_are_followed(listed):
    table = listed(HEADER + 'far/x.png,a,,\n"ünïcode, with a comma.PNG",b,,\n')
    assert set(table["image"]) == {"far/x.png", "ünïcode, with a comma.PNG"}


LINES = st.one_of(
    st.binary(max_size=400),
    st.text(max_size=200).map(lambda text: (HEADER + text).encode("utf-8", "surrogatepass")),
    st.lists(st.lists(st.text(max_size=8), max_size=6), max_size=6).map(
        lambda rows: (HEADER + "\n".join(map(",".join, rows))).encode("utf-8", "surrogatepass")
    ),
)


@settings(max_examples=DRAWS, deadline=None, derandomize=True, database=None)
@given(LINES)
def test_whatever_a_manifest_holds_there_is_no_other_error(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "manifest.csv")
        path.write_bytes(content)
        try:
            table = manifests.read(path)
        except UserError as error:
            assert str(path) in str(error)
        else:
            assert table.empty  # there is no image that it could list
