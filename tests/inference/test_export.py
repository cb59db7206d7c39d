"""`export` and `card`: what leaves the project with a network's weights."""

import copy
import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import ROOT, run

from paper_code.inference import export
from paper_code.metrics import classification_metrics
from paper_code.networks import build_network, save_weights
from paper_code.runs import load_run


def stored(trained) -> tuple[np.ndarray, np.ndarray]:
    """The test images (float32, 0 to 255) and the probabilities that the run stored for them."""
    where, prepared, _ = trained
    manifest = pd.read_csv(prepared / "manifest.csv")
    table = load_run(where / "run.json").predictions
    rows = [manifest.index[manifest["image"] == name][0] for name in table["image"]]
    images = np.load(prepared / "images.npy")[rows].astype(np.float32)
    return images, table[["p_benign", "p_malignant"]].to_numpy()


def test_onnx_gives_the_runs_own_predictions(trained, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    output = tmp_path / "network.onnx"
    assert run("export", trained[0] / "weights.safetensors", "-o", output) == 0
    proto = onnx.load(output)
    assert [entry.version for entry in proto.opset_import if not entry.domain] == [export.OPSET]
    about = {entry.key: entry.value for entry in proto.metadata_props}
    assert json.loads(about["classes"]) == ["benign", "malignant"]
    (given,) = proto.graph.input
    assert given.name == "images" and given.type.tensor_type.shape.dim[0].dim_param
    session = runtime.InferenceSession(output)
    images, expected = stored(trained)
    for count in (1, len(images)):
        (found,) = session.run(None, {"images": images[:count]})
        np.testing.assert_allclose(found, expected[:count], atol=1e-4)
    assert list(tmp_path.iterdir()) == [output]


def test_a_vision_transformer_takes_any_number_of_images(tmp_path):
    """The class token is repeated for each image; the export must not fix how often."""
    pytest.importorskip("onnxruntime")
    network = build_network("vit", 2, image_size=32)
    notes = {"dataset": "mine", "classes": '["a", "b"]', "data": "real"}
    save_weights(tmp_path / "vit.safetensors", network, notes)
    assert export.export_network(tmp_path / "vit.safetensors", tmp_path / "vit.onnx") < 1e-4


def test_a_file_that_disagrees_is_not_written(trained, tmp_path, refused, monkeypatch):
    """As if the exporter had changed a weight."""
    pytest.importorskip("onnxruntime")
    original = torch.onnx.export

    def spoiled(model, *arguments, **options):
        other = copy.deepcopy(model)
        other.network.fc[-1].bias.data += torch.tensor([0.0, 0.1])
        return original(other, *arguments, **options)

    monkeypatch.setattr(torch.onnx, "export", spoiled)
    says = "not written, because a log-probability differs by"
    refused("export", trained[0], "-o", tmp_path / "network.onnx", says=says)


def test_without_the_extra_the_message_names_it(trained, tmp_path, refused, monkeypatch):
    for package in ("onnx", "onnxruntime", "onnxscript"):
        monkeypatch.setitem(sys.modules, package, None)
    words = ["export", trained[0], "-o", tmp_path / "network.onnx"]
    refused(*words, says=re.escape("pip install '.[export]'"))


def test_the_model_card(trained, tmp_path):
    where = trained[0]
    assert run("card", where) == 0 and run("card", where, "-o", tmp_path / "again.md") == 0
    text = (where / "model_card.md").read_text()
    assert text == (tmp_path / "again.md").read_text()
    assert str(where.parent) not in text and str(ROOT) not in text and "/tmp" not in text
    front, body = re.fullmatch(r"---\n(.*?)---\n(.*)", text, re.DOTALL).groups()
    (entry,) = yaml.safe_load(front)["model-index"]
    (result,) = entry["results"]
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    labels, probabilities, groups = load_run(where / "run.json").part("test")
    truth = classification_metrics(labels, probabilities)
    assert values["accuracy"] == round(truth["accuracy"], 4)
    assert values["roc_auc"] == round(truth["auc_roc"], 4)
    for words in (
        "not a medical device",
        "synthetic images",
        "every patient is in one set only",
        f"of {len(set(groups))} patients",
        "95 % interval",
        "another seed",
        "random weights",
    ):
        assert words in body
    assert "new patients" not in body  # said of a split by image alone


def test_hugging_face_reads_the_card(trained):
    hub = pytest.importorskip("huggingface_hub")
    run("card", trained[0])
    card = hub.ModelCard.load(trained[0] / "model_card.md")
    assert card.data.license == "mit" and card.data.pipeline_tag == "image-classification"
    found = {result.metric_type: result for result in card.data.eval_results}
    assert found["accuracy"].dataset_split == "test"
    assert "95 % interval" in found["accuracy"].metric_name
