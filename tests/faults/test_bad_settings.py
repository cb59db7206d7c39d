"""Settings of a wrong type, out of range or misspelt, in files and on the command line."""

import copy

import pytest
import yaml
from conftest import ROOT

from paper_code.errors import UserError
from paper_code.settings import OfScale, Settings, load_config, resolve_settings

DEFAULTS = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
KEYS = sorted({*Settings.model_fields, "scales"})
NAN, INFINITE = float("nan"), float("inf")


@pytest.fixture
def refuse(record_property):
    def check(changes: dict, says: str) -> None:
        with pytest.raises(UserError) as caught:
            resolve_settings(copy.deepcopy(DEFAULTS) | changes)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)
        record_property("outcome", "refused with one message, nothing written")

    return check


@pytest.mark.parametrize("key", KEYS)
def test_wrong_type(key, refuse):
    refuse({key: [[]]}, key)


@pytest.mark.parametrize("key", KEYS)
def test_missing_value(key, refuse):
    refuse({key: None}, f"'{key}' is None")


@pytest.mark.parametrize("key", [key for key in KEYS if key[:-1] not in KEYS])
def test_misspelt(key, refuse):
    hint = "" if key == "scales" else f" (did you mean '{key}'?)"
    refuse({key[:-1]: 1}, f"unknown key '{key[:-1]}'{hint}")


@pytest.mark.parametrize("key", sorted(OfScale.model_fields))
def test_wrong_type_in_a_scale(key, refuse):
    scales = copy.deepcopy(DEFAULTS["scales"])
    scales["demo"][key] = [[]]
    refuse({"scales": scales}, f"scales.demo.{key}")


OUT_OF_RANGE = {
    "scale": ["huge", "Paper", ""],
    "data": ["fake"],
    "data_root": [""],
    "minimum_images_per_class": [0, -1, 20.5, True],
    "datasets": [[], ["bach", "bach"], ["bech"], ["BACH"], [3]],
    "networks": [[], ["vit", "vit"]],
    "compared_datasets": ["all", [3]],
    "placements": [[0], [5], [1, 1], ["one"]],
    "splits": ["random"],
    "seeds": [[], [-1], [0, 0], [0.5], [2**32], ["a"]],
    "split_seeds": [[], [-1], "pairs"],
    "learning_rate": [0, -0.1, NAN, INFINITE, "fast", True],
    "dropout": [-0.1, 1, 1.5, NAN],
    "rotation": [-1, 181, NAN, INFINITE],
    "select_epoch": ["first", 3],
    "precision": ["fp8", "tf32"],
    "checkpoint_seconds": [-1, NAN],
    "threads_per_run": [0, -2, 1.5],
    "image_size": [0, 31, 1025, 64.5, NAN],
    "epochs": [0, -1, 1.5, "ten"],
    "network_epochs": [{"vit": 0}, {"vit": 1.5}],
    "batch_size": [0, 1, 8.5],
    "images_per_dataset": [0, 19, "most", 20.5],
    "phantom_lesion_scale": [0.4, 2.1, NAN],
    "phantom_patient_signal": [-0.1, 1.1, NAN],
    "bootstrap_resamples": [0, 9.5],
    "keep_weights": [2, "maybe"],
    "cam_copies": [0, 2.5],
    "cam_sigma": [-0.1, NAN, INFINITE],
    "cam_kernel": [0, 4, 23],
    "cam_images": [0, 1, "some"],
    "manifests": [
        {"Mine": {"path": "m.csv"}},
        {"mine": "m.csv"},
        {"mine": {}},
        {"bach": {"path": "m"}},
    ],
    "for_dataset": [{"bech": {}}, {"bach": {"epoch": 3}}, {"bach": {"epochs": 0}}],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in OUT_OF_RANGE.items() for value in values]
)
def test_out_of_range(key, value, refuse):
    named = next((name for name in ("bech", "BACH") if name in str(value)), key)
    refuse({key: value}, named)


@pytest.mark.parametrize(
    "changes",
    [
        {"networks": ["resnet51"]},
        {"leakage_networks": ["resnet51"]},
        {"network_epochs": {"resnet51": 3}},
        {"for_dataset": {"bach": {"networks": ["resnet51"]}}},
        {"compared_datasets": ["resnet51"]},
        {"leakage_datasets": ["resnet51"]},
        {"cam_datasets": ["resnet51"]},
        {"breakhis_lists": "resnet51"},
    ],
)
def test_names_of_nothing(changes, record_property):
    """What only the plan can know."""
    from paper_code.plan import Plan
    from paper_code.start import choose_sources

    settings = resolve_settings(copy.deepcopy(DEFAULTS) | {"data": "phantom"} | changes)
    with pytest.raises(UserError, match="resnet51"):
        Plan(settings, choose_sources(settings)).lists  # noqa: B018
    record_property("outcome", "refused with one message, nothing written")


FILES = {
    "no bytes": (b"", "has keys and values"),
    "a list": (b"- scale\n", "has keys and values"),
    "text": (b"scale", "has keys and values"),
    "broken YAML": (b"scale: [demo\n", "cannot be read as a configuration"),
    "tabs": (b"scale:\n\tdemo\n", "cannot be read as a configuration"),
    "Latin-1": ("results: bénin".encode("latin-1"), "cannot be read as a configuration"),
    "zeros": (b"\0" * 100, "cannot be read as a configuration"),
    "Python objects": (b"scale: !!python/object/apply:os.getcwd []\n", "cannot be read as"),
    "an unknown key": (b"epoch: 3\n", "did you mean 'epochs'?"),
}


@pytest.mark.parametrize("fault", FILES)
def test_files_of_settings(fault, tmp_path, refused):
    content, says = FILES[fault]
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    refused("doctor", "--configfile", path, says=says.replace("?", r"\?"))


def test_byte_order_mark_and_crlf(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbfepochs: 3\r\nscale: demo\r\n")
    assert resolve_settings(load_config(path)).epochs == 3


OPTIONS = {
    "train": {
        "--epochs": ["0", "-1", "1.5", "many", "nan", ""],
        "--batch-size": ["0", "1", "-4"],
        "--learning-rate": ["0", "-1", "nan", "inf", "fast"],
        "--dropout": ["-0.1", "1", "nan"],
        "--rotation": ["-1", "181", "nan"],
        "--precision": ["fp8"],
        "--checkpoint-seconds": ["-1", "nan"],
        "--seed": ["-1", "0.5", "4294967296"],
        "--threads": ["0"],
    },
    "phantom": {"--seed": ["-1"], "--phantom-lesion-scale": ["9", "nan"], "--images": ["-1"]},
    "manifest": {"--seed": ["-1"], "--limit": ["0", "most"], "--workers": ["0"]},
    "prepare": {"--image-size": ["0", "31", "100000"], "--workers": ["-1"]},
    "split": {"--seed": ["-1", "4294967296"], "--by": ["class"]},
    "cam": {"--cam-kernel": ["4", "0"], "--cam-sigma": ["-1", "nan"], "--cam-images": ["1"]},
}
WORDS = {
    "train": ["resnet50", "--prepared", "x", "--split", "x"],
    "phantom": ["bach", "--height", "64"],
    "manifest": ["bach"],
    "prepare": ["x"],
    "split": ["x"],
    "cam": ["--run", "x", "--prepared", "x"],
}


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [(c, o, v) for c, options in OPTIONS.items() for o, values in options.items() for v in values],
)
def test_options_out_of_range(command, option, value, tmp_path, refused):
    words = [command, *WORDS[command], "-o", tmp_path / "out", f"{option}={value}"]
    key = option.removeprefix("--")  # settings are named as in the config
    refused(*words, says=f"{key}|{key.replace('-', '_')}")
