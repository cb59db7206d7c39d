"""The command line: every command explains itself, and a user's mistake is one clear line."""

import argparse
import importlib

import pytest
from conftest import ROOT, breakhis_path

from paper_code import __main__ as cli
from paper_code.networks.names import parse_network


def error_line(text: str) -> str:
    """The last line of standard error; nothing like a traceback may stand before it."""
    assert "Traceback" not in text and '  File "' not in text
    return text.strip().splitlines()[-1]


def test_help_lists_every_command(command):
    done = command("--help")
    assert done.returncode == 0
    for name in cli.COMMANDS:
        assert f"\n    {name} " in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 110


def test_no_group_of_the_help_names_a_command_twice():
    names = [name for group in cli.GROUPS.values() for name in group]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_of_each_command(name, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main([name, "--help"])
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert cli.COMMANDS[name][0].__doc__.strip().split(".")[0] in text
    parser = argparse.ArgumentParser(add_help=False)
    cli.COMMANDS[name][0](parser)
    for action in parser._actions:
        names = action.option_strings or action.choices or [action.dest]
        assert all(name in text for name in names)


@pytest.mark.parametrize("kind", ["table", "figure"])
def test_every_table_and_figure_module_is_reachable(kind):
    modules = {path.stem for path in (ROOT / "paper_code" / "reporting").glob(f"{kind}_[0-9]*.py")}
    known = cli.TABLES if kind == "table" else cli.FIGURES
    assert {module for key, module in known.items() if key.isdigit()} == modules
    for module in known.values():
        found = importlib.import_module(f"paper_code.reporting.{module}")
        assert callable(found.write if kind == "table" else found.draw)
    for key, module in known.items():
        assert module.startswith(f"{kind}_{key}_") or module in (key, f"{kind}_{key}")


def test_user_error_is_one_line_and_status_2(command, tmp_path):
    done = command("manifest", "breakhis_40x", "--data-root", tmp_path / "no", "--output", "x.csv")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"error: {tmp_path}/no/BreaKHis_v1")
    assert error_line(done.stderr) == done.stderr.strip()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["manifest", "bech", "--output", "x.csv"], "Unknown data set 'bech'"),
        (["split", "{tmp}/gone.csv", "--output", "{tmp}/x.csv"], "gone.csv"),
        (["prepare", "{tmp}/gone.csv", "--output", "{tmp}/x"], "gone.csv"),
        (
            ["train", "resnet50", "--prepared", "{tmp}", "--split", "{tmp}/s.csv",
             "--output", "{tmp}/run"],
            "source.json",
        ),
        (["table", "03", "--output", "{tmp}/t.csv"], "table 03 needs --prepared, --scale"),
        (["figure", "06", "--output", "{tmp}/f.png"], "figure 06 needs --runs, --scale"),
        (
            ["table", "07", "--runs", "{tmp}/run.json", "--scale", "demo", "--resamples", "9",
             "--output", "{tmp}/t.csv"],
            "run.json: not a finished run",
        ),
    ],
)  # fmt: skip
def test_mistakes(words, message, tmp_path, capsys):
    assert cli.main([word.format(tmp=tmp_path) for word in words]) == 2
    assert message in error_line(capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["phantom", "bach", "--output", "x", "--height", "0"],
        ["phantom", "bach", "--output", "x", "--height", "64", "--images", "few"],
        ["manifest", "bach", "--output", "x.csv", "--limit", "-3"],
        ["train", "resnet50", "--prepared", "x", "--split", "x", "--output", "x", "--epochs", "0"],
        ["train", "resnet50", "--prepared", "x", "--split", "x", "--output", "x",
         "--batch-size", "0"],
        ["table", "01"],
        ["nothing"],
        [],
    ],
)  # fmt: skip
def test_wrong_words_are_refused_by_the_parser(words, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert "error: " in error_line(capsys.readouterr().err)


def test_interruption_is_status_130(monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "split", (cli.add_split, interrupted))
    assert cli.main(["split", "m.csv", "--output", "s.csv"]) == 130
    assert error_line(capsys.readouterr().err).startswith("interrupted")


def test_a_bug_is_not_hidden(monkeypatch):
    def broken(_):
        raise ZeroDivisionError

    monkeypatch.setitem(cli.COMMANDS, "split", (cli.add_split, broken))
    with pytest.raises(ZeroDivisionError):
        cli.main(["split", "m.csv", "--output", "s.csv"])


def test_from_raw_files_to_a_table(breakhis_root, tmp_path):
    """manifest, prepare, split and tables of one data set, called as the workflow calls them."""
    for number in range(3, 9):
        for subtype, slide in (("A", "14-22549AB"), ("DC", "14-2523")):
            source = breakhis_path(breakhis_root, subtype, slide, 40, 1)
            target = breakhis_path(breakhis_root, subtype, slide, 40, number)
            target.write_bytes(source.read_bytes() + bytes([number]))
    manifest, split = tmp_path / "set/manifest.csv", tmp_path / "split.csv"
    table = tmp_path / "tables/table_06_splits.csv"
    for words in (
        ["manifest", "breakhis_40x", "--data-root", breakhis_root, "--limit", 20,
         "--output", manifest],
        ["prepare", manifest, "--image-size", 32, "--output", manifest.parent],
        ["split", manifest, "--output", split],
        ["table", "06", "--prepared", manifest.parent, "--splits", split, "--by", "image",
         "--scale", "demo", "--output", table],
        ["figure", "03", "--prepared", manifest.parent, "--scale", "demo",
         "--output", tmp_path / "figure.png"],
    ):  # fmt: skip
        assert cli.main([str(word) for word in words]) == 0
    page = table.with_suffix(".md").read_text(encoding="utf-8")
    assert "| BreakHis 40X | 20 (paper 1,995) | 12 (paper 1,197) |" in page
    assert "subset 24 of 1995 images; 20 drawn with seed 0" in page
    assert (tmp_path / "figure.pdf").stat().st_size > 0


def test_network_names():
    assert parse_network("resnet50") == ("resnet50", 4)
    assert parse_network("dalaresnet50-layer2") == ("dalaresnet50", 2)


@pytest.mark.parametrize(
    "name", ["resnet", "dalaresnet50-layer5", "dalaresnet50-layer", "resnet50-layer1"]
)
def test_wrong_network_names(name, command, tmp_path, make_prepared, capsys):
    prepared, split = make_prepared()
    words = ["train", name, "--prepared", prepared, "--split", split, "--output", tmp_path / "run"]
    assert cli.main([str(word) for word in words]) == 2
    assert name.split("-")[0] in error_line(capsys.readouterr().err)
    assert not (tmp_path / "run").exists()
