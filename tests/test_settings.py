"""Settings: what is refused and how it is named, what `auto` becomes, and which data are used."""

import copy

import pytest
import yaml
from conftest import BREAKHIS, ROOT, breakhis_path, save_noise

from paper_code import settings as settings_module
from paper_code import start
from paper_code.errors import UserError
from paper_code.settings import OfScale, Settings, load_config, resolve_settings
from paper_code.start import announce, choose_sources

DEFAULTS = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))


def changed(**overrides) -> dict:
    return copy.deepcopy(DEFAULTS) | overrides


@pytest.fixture(params=[0, 1], ids=["no GPU", "GPU"])
def gpus(request, monkeypatch) -> int:
    for module in (settings_module, start):
        monkeypatch.setattr(module, "cuda_device_count", lambda: request.param)
    return request.param


def test_what_the_command_line_passes_as_text_is_understood():
    given = changed(
        seeds=["0", "1"],
        placements=["2"],
        keep_weights="false",
        phantom_images={"breakhis": "40", "bach": "all", "mini_ddsm": "30"},
        manifests={"mine": {"path": "m.csv", "classes": ["0", "1"]}},
    )
    settings = resolve_settings(given)
    assert settings.seeds == [0, 1] and settings.placements == [2]
    assert settings.keep_weights is False
    images = {"breakhis": 40, "bach": "all", "mini_ddsm": 30}
    assert settings.phantom_images == images
    assert settings.manifests["mine"]["classes"] == ["0", "1"], "class names stay text"


def test_defaults_are_valid_and_complete():
    resolve_settings(DEFAULTS)
    assert set(Settings.model_fields) == set(DEFAULTS) - {"scales"}
    for preset in DEFAULTS["scales"].values():
        assert set(OfScale.model_fields) == set(preset)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("learning_rates", 0.1, "unknown key 'learning_rates' (did you mean 'learning_rate'?)"),
        ("colour", 1, "unknown key 'colour'"),
        ("epochs", "many", "'epochs' is 'many': input should be a valid integer"),
        ("epochs", 0, "'epochs' is 0"),
        ("batch_size", 1, "'batch_size' is 1"),
        ("batch_size", 8.5, "'batch_size' is 8.5"),
        ("learning_rate", 0, "'learning_rate' is 0"),
        ("dropout", 1, "'dropout' is 1: input should be less than 1"),
        ("scale", "tiny", "'scale' is 'tiny': input should be 'demo' or 'paper'"),
        ("data", True, "'data' is True: input should be 'auto' or input should be 'real'"),
        ("datasets", "bach", "'datasets' is 'bach': input should be a valid list"),
        ("datasets", [], "'datasets' is []"),
        ("seeds", [0, 0], "'seeds' is [0, 0]: input should have no item twice"),
        ("seeds", [1.5], "'seeds.0' is 1.5: input should be a valid integer"),
        ("recalibrate_batchnorm", "maybe", "'recalibrate_batchnorm' is 'maybe'"),
        ("epochs", True, "'epochs' is True: input should be a number"),
        (
            "manifests",
            {"mias": {"path": "m.csv", "class": []}},
            "unknown key 'manifests.mias.class'",
        ),
        ("manifests", {"mias": {}}, "'manifests.mias.path' is missing"),
        ("manifests", {"My set": {"path": "m.csv"}}, "'manifests.My set' is 'My set': a name"),
        ("data_root", "", "'data_root' is ''"),
        ("phantom_height", {"bach": 64}, "input should have a value for each of breakhis, bach"),
    ],
)
def test_bad_settings_are_named(key, value, message):
    with pytest.raises(UserError) as caught:
        resolve_settings(changed(**{key: value}))
    assert message in str(caught.value)


def test_all_problems_are_named_at_once():
    with pytest.raises(UserError, match=r"(?s)(?=.*'scale')(?=.*'epochs')(?=.*'surprise')"):
        resolve_settings(changed(scale=3, epochs="x", surprise=1))


def test_missing_key():
    config = changed()
    del config["data_root"]
    with pytest.raises(UserError, match="'data_root' is missing"):
        resolve_settings(config)


def test_unknown_data_set():
    with pytest.raises(UserError, match="Unknown data set 'breakhis'"):
        resolve_settings(changed(datasets=["breakhis"]))


def test_auto_scale(gpus):
    settings = resolve_settings(DEFAULTS)
    expected = "paper" if gpus else "demo"
    assert settings.scale == expected
    preset = DEFAULTS["scales"][expected]
    assert settings.part("scale") == preset
    assert (settings.epochs == 50) is bool(gpus)


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_a_value_of_one_s_own_wins_over_the_scale(scale, gpus):
    settings = resolve_settings(changed(scale=scale, epochs=7, recalibrate_batchnorm=False))
    assert (settings.scale, settings.epochs) == (scale, 7)
    assert settings.recalibrate_batchnorm is False
    assert settings.image_size == DEFAULTS["scales"][scale]["image_size"]


def test_resolving_leaves_the_config_alone():
    before = changed()
    resolve_settings(before)
    assert before == DEFAULTS


# --- Which data -----------------------------------------------------------------------------------


def settings_for(root, **overrides) -> dict:
    given = {"scale": "demo", "data_root": str(root), "datasets": ["breakhis_40x", "bach"]}
    return resolve_settings(changed(**(given | overrides)))


def test_auto_uses_real_files_where_there_are_enough(breakhis_root):
    sources = choose_sources(settings_for(breakhis_root, minimum_images_per_class=6))
    assert sources["breakhis_40x"] == ("real", "found 6 benign, 6 malignant")
    assert sources["bach"][0] == "phantom" and "no files below data_root" in sources["bach"][1]


def test_auto_with_few_images_takes_the_phantom_and_says_why(breakhis_root):
    sources = choose_sources(settings_for(breakhis_root, minimum_images_per_class=7))
    assert sources["breakhis_40x"] == (
        "phantom",
        "found only 6 benign, 6 malignant; 7 per class are needed",
    )


def test_auto_with_an_empty_folder_or_a_missing_class(tmp_path):
    (tmp_path / BREAKHIS).mkdir(parents=True)
    reason = choose_sources(settings_for(tmp_path))["breakhis_40x"][1]
    assert "found only 0 benign, 0 malignant" in reason
    save_noise(breakhis_path(tmp_path, "A", "14-1", 40, 1))
    source, reason = choose_sources(settings_for(tmp_path, minimum_images_per_class=1))[
        "breakhis_40x"
    ]
    assert source == "phantom" and "found only 1 benign, 0 malignant" in reason


def test_real_needs_every_data_set(breakhis_root):
    with pytest.raises(UserError, match=r"data=real, but bach: no files.*fetch bach.*data_root"):
        choose_sources(settings_for(breakhis_root, data="real"))
    only = settings_for(breakhis_root, data="real", datasets=["breakhis_40x"])
    assert choose_sources(only)["breakhis_40x"][0] == "real"


def test_phantom_ignores_real_files(breakhis_root):
    sources = choose_sources(settings_for(breakhis_root, data="phantom"))
    assert {source for source, _ in sources.values()} == {"phantom"}


def own_settings(tmp_path, content: str | None, **overrides) -> dict:
    manifest = tmp_path / "own.csv"
    if content is not None:
        manifest.write_text(content)
    entry = {"manifests": {"own": {"path": str(manifest)}}, "datasets": ["own"]}
    return settings_for(tmp_path, **(entry | overrides))


def test_a_set_of_one_s_own_is_always_real(tmp_path):
    for number in (1, 2):
        save_noise(tmp_path / f"{number}.png", number)
    settings = own_settings(tmp_path, "path,label\n1.png,a\n2.png,b\n", data="phantom")
    assert choose_sources(settings) == {"own": ("real", "found 1 a, 1 b")}


@pytest.mark.parametrize("content", [None, "path,label\n"])
def test_a_set_of_one_s_own_that_is_not_there(tmp_path, content):
    with pytest.raises(UserError, match=r"own.csv") as caught:
        choose_sources(own_settings(tmp_path, content))
    assert "data=real" not in str(caught.value)
    assert "data_root" not in str(caught.value)


@pytest.mark.parametrize("data", ["auto", "real"])
def test_a_data_root_that_is_not_there_is_a_mistake(tmp_path, data):
    """Phantoms instead, after a typing error, would be taken for results on real images."""
    settings = settings_for(tmp_path / "nowhere", data=data)
    with pytest.raises(UserError, match=r"data_root=.*nowhere: no such folder. Correct the path"):
        choose_sources(settings)
    assert choose_sources(settings.changed(data="phantom"))["bach"] == ("phantom", "data=phantom")
    settings = own_settings(tmp_path, "path,label\n1.png,a\n2.png,b\n", data=data)
    for number in (1, 2):
        save_noise(tmp_path / f"{number}.png", number)
    assert choose_sources(settings.changed(data_root="nowhere"))["own"][0] == "real"


def test_announcement_says_what_was_chosen_and_why(gpus):
    settings = resolve_settings(DEFAULTS)
    sources = {"bach": ("phantom", "no files below data_root=data")}
    text = announce(DEFAULTS, settings, sources)
    assert ("paper (auto: 1 CUDA device seen)" if gpus else "demo (auto: no CUDA device)") in text
    assert "bach: phantom data (no files below data_root=data)" in text
    assert "demo (as configured)" in announce(
        changed(scale="demo"), resolve_settings(changed(scale="demo")), sources
    )


def test_lists_of_numbers_from_the_command_line():
    """Snakemake gives --config 'seeds=[0, 1]' as texts."""
    settings = resolve_settings(changed(seeds=["0", "1"], placements=["4"], data_root="7"))
    assert (settings.seeds, settings.placements) == ([0, 1], [4])
    assert settings.data_root == "7"
    with pytest.raises(UserError, match=r"'seeds\.0' is 'a'"):
        resolve_settings(changed(seeds=["a"]))


def test_settings_of_one_data_set():
    own = {"bach": {"seeds": ["1", "2"], "epochs": "3"}}
    settings = resolve_settings(changed(for_dataset=own))
    assert settings.of("bach").seeds == [1, 2]
    assert settings.of("bach").epochs == 3
    assert settings.of("mini_ddsm").seeds == settings.seeds
    with pytest.raises(UserError, match=r"unknown key .for_dataset\.bach\.dropout."):
        resolve_settings(changed(for_dataset={"bach": {"dropout": 0.1}}))
    with pytest.raises(UserError, match="Unknown data set 'bache'"):
        resolve_settings(changed(for_dataset={"bache": {"epochs": 3}}))


def test_few_networks_where_not_all_are_compared():
    settings = resolve_settings(changed(compared_datasets=["bach"], placements=[1, 4]))
    assert settings.of("bach").networks == settings.networks
    few = settings.of("mini_ddsm")
    assert few.networks == ["dalaresnet50", "resnet50"] and few.placements == []
    own = {"mini_ddsm": {"networks": ["vit"]}}
    settings = resolve_settings(changed(compared_datasets=[], for_dataset=own))
    assert settings.of("mini_ddsm").networks == ["vit"]
    # Without either of the two, those that were asked for.
    settings = resolve_settings(changed(compared_datasets=[], networks=["swin"]))
    assert settings.of("bach").networks == ["swin"]


def test_epochs_of_one_network():
    settings = resolve_settings(changed(scale="demo"))
    assert settings.of("bach", "swin").epochs == 1
    assert settings.of("bach", "resnet50").epochs == 2
    assert settings.of("bach_maps", "swin").epochs == settings.cam_epochs
    # Epochs that the user gives hold for all networks.
    settings = resolve_settings(changed(scale="demo", epochs=5))
    assert settings.of("bach", "swin").epochs == 5
    settings = resolve_settings(changed(scale="demo", epochs=5, network_epochs={"vit": 3}))
    assert settings.of("bach", "vit").epochs == 3
    own = {"bach": {"epochs": 4}}
    settings = resolve_settings(changed(scale="demo", for_dataset=own))
    assert settings.of("bach", "swin").epochs == 4


def test_seeds_follow_the_scale():
    assert resolve_settings(changed(scale="paper")).seeds == [0, 1, 2, 3, 4]
    assert resolve_settings(changed(scale="demo")).seeds == [0]
    assert resolve_settings(changed(scale="demo", seeds=[7])).seeds == [7]


def test_epochs_of_networks_leave_out_sets_of_the_user_and_hold_for_variants():
    changes = {"network_epochs": {"dalaresnet50": 3}, "manifests": {"mine": {"path": "m.csv"}}}
    settings = resolve_settings(changed(scale="demo", **changes))
    assert settings.of("mine", "dalaresnet50").epochs == settings.epochs
    assert settings.of("bach", "dalaresnet50-layer2").epochs == 3


def test_few_networks_only_where_both_of_the_pair_are_compared():
    changes = {"networks": ["dalaresnet50", "vgg16"], "datasets": ["bach", "breakhis_200x"]}
    settings = resolve_settings(changed(scale="demo", **changes))
    assert settings.of("breakhis_200x").networks == changes["networks"]
    # Where only such sets are asked for, all networks are compared on them.
    settings = resolve_settings(changed(scale="demo", datasets=["breakhis_200x"]))
    assert settings.of("breakhis_200x").networks == settings.networks


def test_a_number_in_scientific_notation():
    """YAML takes 1e-4 for text."""
    assert resolve_settings(changed(learning_rate="1e-4")).learning_rate == 1e-4


@pytest.mark.parametrize("scale", ["demo", "paper"])
def test_the_file_of_settings_says_all_that_was_chosen(scale, tmp_path, gpus):
    """Read again on another machine, or as a configuration, it means the same."""
    own = {"bach": {"seeds": [1], "epochs": 3}}
    settings = resolve_settings(changed(scale=scale, for_dataset=own, epochs=4))
    chosen = settings.changed(data=dict.fromkeys(settings.datasets, "phantom"))
    chosen.write(tmp_path / "settings.yaml")
    assert "auto" not in (chosen.scale, chosen.threads_per_run, chosen.epochs)
    again = resolve_settings(load_config(tmp_path / "settings.yaml"))
    assert again == chosen
    sources = {source for source, _ in choose_sources(again).values()}
    assert sources == {"phantom"}
