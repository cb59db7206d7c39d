"""The command line: every command explains itself, and a user's mistake is one clear line."""

import argparse
import json
import re

import pytest
from conftest import breakhis_path

from paper_code import cli
from paper_code.cli.data import add_split
from paper_code.config import defaults
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
    assert sum(map(len, cli.GROUPS.values())) == len(cli.COMMANDS)


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
        names = action.option_strings or action.choices or [action.metavar or action.dest]
        assert all(name in text for name in names)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_tells_each_default_once_and_no_none(name, capsys):
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "default: None" not in text
    assert not re.search(r"\(default: [^)]*\) \(default: ", text)


@pytest.mark.parametrize("name", sorted(set(cli.COMMANDS) - {"fetch", "doctor", "notebook"}))
def test_every_command_that_writes_has_the_short_option(name):
    parser = argparse.ArgumentParser(add_help=False)
    cli.COMMANDS[name][0](parser)
    outputs = [a.option_strings for a in parser._actions if "--output" in a.option_strings]
    assert outputs == [["--output", "-o"]]


@pytest.mark.parametrize("name", ["train", "cam", "prepare", "manifest", "phantom", "fetch"])
def test_the_defaults_of_options_named_like_settings_are_those_of_the_config(name):
    parser = argparse.ArgumentParser(add_help=False)
    cli.COMMANDS[name][0](parser)
    found = {a.dest: a.default for a in parser._actions if a.dest in defaults()}
    assert len(found) >= 1
    for key, value in found.items():
        expected = defaults()[key]
        expected = str(expected).lower() if isinstance(expected, bool) else expected
        assert value == expected, key


def write_run_json(folder, **facts):
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(facts))
    return folder


def test_a_figure_refuses_runs_of_other_data_sets(tmp_path, capsys):
    run = write_run_json(tmp_path / "run", dataset="bach", network="resnet50")
    words = ["figure", "06", "--scale", "demo", "-o", str(tmp_path / "f.png")]
    assert cli.main([*words, "--runs", str(run / "run.json")]) == 2
    said = error_line(capsys.readouterr().err)
    assert f"{run}/run.json is about bach, but figure 06 is about breakhis_40x" in said
    assert not (tmp_path / "f.png").exists()


def test_a_folder_without_a_run_is_named(tmp_path, capsys):
    words = ["table", "results", "--scale", "demo", "--resamples", "9", "-o", f"{tmp_path}/t.csv"]
    assert cli.main([*words, "--runs", str(tmp_path)]) == 2
    said = error_line(capsys.readouterr().err)
    assert f"--runs: {tmp_path}/run.json is not a run.json" in said
    assert "Give the folder that holds one." in said


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
            [
                "train",
                "resnet50",
                "--prepared",
                "{tmp}",
                "--split",
                "{tmp}/s.csv",
                "--output",
                "{tmp}/run",
            ],
            "source.json",
        ),
        (["table", "03", "--output", "{tmp}/t.csv"], "table 03 needs --prepared."),
        (["figure", "06", "--output", "{tmp}/f.png"], "figure 06 needs --runs, --scale"),
        (
            [
                "table",
                "results",
                "--runs",
                "{tmp}/run.json",
                "--scale",
                "demo",
                "--resamples",
                "9",
                "--output",
                "{tmp}/t.csv",
            ],
            "run.json is not a run.json",
        ),
    ],
)
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
        [
            "train",
            "resnet50",
            "--prepared",
            "x",
            "--split",
            "x",
            "--output",
            "x",
            "--batch-size",
            "0",
        ],
        ["table", "01"],
        ["nothing"],
        [],
    ],
)
def test_wrong_words_are_refused_by_the_parser(words, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    assert "error: " in error_line(capsys.readouterr().err)


def test_interruption_is_status_130(monkeypatch, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "split", (add_split, interrupted))
    assert cli.main(["split", "m.csv", "--output", "s.csv"]) == 130
    assert error_line(capsys.readouterr().err).startswith("interrupted")


def test_a_bug_is_not_hidden(monkeypatch):
    def broken(_):
        raise ZeroDivisionError

    monkeypatch.setitem(cli.COMMANDS, "split", (add_split, broken))
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
        [
            "manifest",
            "breakhis_40x",
            "--data-root",
            breakhis_root,
            "--limit",
            20,
            "--output",
            manifest,
        ],
        ["prepare", manifest, "--image-size", 32, "--output", manifest.parent],
        ["split", manifest, "--output", split],
        [
            "table",
            "06",
            "--prepared",
            manifest.parent,
            "--splits",
            split,
            "--scale",
            "demo",
            "--output",
            table,
        ],
        [
            "figure",
            "03",
            "--prepared",
            manifest.parent,
            "--scale",
            "demo",
            "--output",
            tmp_path / "figure.png",
        ],
    ):
        assert cli.main([str(word) for word in words]) == 0
    page = table.with_suffix(".md").read_text(encoding="utf-8")
    assert "| BreakHis 40X | train | 12 | 1,197 |" in page
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
