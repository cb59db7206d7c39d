"""Lists of a user's own images that are wrong, odd or hostile."""

import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from conftest import DRAWS, read_json, save_noise
from hypothesis import given, settings
from hypothesis import strategies as st

from paper_code import cli
from paper_code.datasets import manifest as manifests
from paper_code.errors import UserError

HEADER = "path,label,group,mask\n"
NAMES = [
    ("a0.png", "benign"),
    ("a1.png", "benign"),
    ("b0.png", "malignant"),
    ("b1.png", "malignant"),
]
ROWS = "".join(f"{name},{label},p{n},\n" for n, (name, label) in enumerate(NAMES))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Four images, two masks and a folder."""
    folder = tmp_path_factory.mktemp("images")
    for seed, (name, _) in enumerate(NAMES):
        save_noise(folder / name, seed)
    for seed in (7, 8):
        save_noise(folder / f"m{seed}.png", seed, mode="L")
    (folder / "sub").mkdir()
    return folder


@pytest.fixture
def own(images, tmp_path):
    """own(content) -> the manifest, beside the images."""
    folder = tmp_path / "set"
    shutil.copytree(images, folder)

    def write(content: str | bytes) -> Path:
        path = folder / "manifest.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def with_row(row: str) -> str:
    return HEADER + ROWS + row + "\n"


def first_row(row: str) -> str:
    return HEADER + row + "\n" + ROWS.partition("\n")[2]


WRONG = {
    "no bytes": (b"", "not a readable CSV"),
    "UTF-16": ((HEADER + ROWS).encode("utf-16"), "not a CSV file in UTF-8"),
    "a web page": ("<!doctype html>\n<html><body>Log in</body></html>\n", "column missing"),
    "semicolons": ((HEADER + ROWS).replace(",", ";"), "column missing: path, label"),
    "the label column twice": ("path,label,label\na0.png,benign,malignant\n", "label twice"),
    "open quote": (with_row('"b1.png,malignant'), "not a readable CSV"),
    "no path": (first_row(",benign,p,"), "line 2 has no path"),
    "a row twice": (with_row("b1.png,malignant,p3,"), "b1.png more than once"),
    "absolute path": (first_row("/etc/passwd,benign,p,"), "must be relative"),
    "parent folder": (first_row("../outside.png,benign,p,"), "must be relative"),
    "no such image": (first_row("gone.png,benign,p,"), "gone.png, which does not exist"),
    "one of two masks": (first_row("a0.png,benign,p,m7.png;gone.png"), "gone.png, which does not"),
    "labels in two cases": (first_row("a0.png,Benign,p,"), "'Benign' and 'benign' differ in case"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_refused(fault, own, tmp_path, refused):
    content, says = WRONG[fault]
    save_noise(tmp_path / "outside.png", 99)
    path = own(content)
    refused("manifest", "mine", "--manifest", path, "-o", tmp_path / "out.csv", says=says)


def test_same_image_with_two_labels(own, tmp_path, refused):
    path = own(with_row("copy.png,benign,p9,"))
    shutil.copy(path.with_name("b1.png"), path.with_name("copy.png"))
    words = ["manifest", "mine", "--manifest", path, "-o", tmp_path / "out.csv"]
    refused(*words, says="the same image with two labels")


PLAIN = HEADER + ROWS
ODD = {
    "byte order mark and CRLF": "\ufeff" + PLAIN.replace("\n", "\r\n"),
    "spaces around values": PLAIN.replace("benign", " benign  "),
    "another order of columns": "label,path,mask,group\n"
    + "".join(f"{label},{name},,p{n}\n" for n, (name, label) in enumerate(NAMES)),
    "further columns": "path,label,group,mask,age\n" + ROWS.replace(",\n", ",,61\n"),
}


@pytest.mark.parametrize("oddity", ODD)
def test_accepted_as_the_plain_one(oddity, own, tmp_path):
    def table(content: str) -> pd.DataFrame:
        words = ["manifest", "mine", "--manifest", str(own(content)), "-o", str(output)]
        assert cli.main(words) == 0
        return pd.read_csv(output, dtype=str, keep_default_na=False)

    output = tmp_path / "out/manifest.csv"
    expected = table(PLAIN)
    assert expected["label"].tolist() == [label for _, label in NAMES]
    assert expected["group"].tolist() == ["p0", "p1", "p2", "p3"]
    pd.testing.assert_frame_equal(table(ODD[oddity])[list(expected)], expected)


def test_values_that_look_like_others_stay_text(own, tmp_path):
    path = own(HEADER + "a0.png,0,007,\na1.png,NA,nan,\nb0.png,1e3,,\nb1.png,0,007,\n")
    output = tmp_path / "out.csv"
    assert cli.main(["manifest", "mine", "--manifest", str(path), "-o", str(output)]) == 0
    table = pd.read_csv(output, dtype=str, keep_default_na=False)
    assert table["label"].tolist() == ["0", "NA", "1e3", "0"]
    assert table["group"].tolist() == ["007", "nan", "", "007"]


def test_links_and_odd_names_are_followed(own, tmp_path):
    names = ["out of the tree.png", "ünïcode, with a comma.PNG", "far/x.png"]
    path = own(
        HEADER + "".join(f'"{n}",{label},,\n' for n, label in zip(names, "abb", strict=True))
    )
    save_noise(tmp_path / "elsewhere/x.png", 50)
    save_noise(tmp_path / "elsewhere/y.png", 51)
    path.with_name(names[0]).symlink_to(tmp_path / "elsewhere/y.png")
    save_noise(path.with_name("u.png"), 52).rename(path.with_name(names[1]))
    path.with_name("far").symlink_to(tmp_path / "elsewhere")
    output = tmp_path / "out.csv"
    assert cli.main(["manifest", "mine", "--manifest", str(path), "-o", str(output)]) == 0
    assert set(pd.read_csv(output)["image"]) == set(names)
    assert read_json(output.with_name("source.json"))["images"] == 3


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
