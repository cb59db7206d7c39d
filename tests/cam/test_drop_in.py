"""DT Grad-CAM in the forms of pytorch-grad-cam and torch-cam, with their own examples."""

import warnings

import numpy as np
import pytest
import timm
import torch
import torchvision

from paper_code.cam import DTGradCAM, DTGradCAMExtractor, compute_cam
from paper_code.errors import UserError

pytorch_grad_cam = pytest.importorskip("pytorch_grad_cam")
from pytorch_grad_cam.metrics.arcc import ARCC  # noqa: E402
from pytorch_grad_cam.utils.image import show_cam_on_image  # noqa: E402
from pytorch_grad_cam.utils.model_targets import (  # noqa: E402
    ClassifierOutputSoftmaxTarget,
    ClassifierOutputTarget,
)
from pytorch_grad_cam.utils.reshape_transforms import vit_reshape_transform  # noqa: E402

SIZE = 64
# Of one image twice: whatever the weights, at most one of the two maps is empty.
FOR_AND_AGAINST = [lambda scores: scores[1], lambda scores: -scores[1]]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return torchvision.models.resnet18(num_classes=5).eval()


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(scope="module")
def twice(images):
    return images[:1].repeat(2, 1, 1, 1)


def tokens_below_class(tensor):
    return vit_reshape_transform(tensor, 4, 4)


@pytest.mark.parametrize(
    "targets",
    [None, [ClassifierOutputTarget(1), ClassifierOutputTarget(3)], FOR_AND_AGAINST],
    ids=["predicted", "classes", "functions"],
)
def test_the_same_maps_as_compute_cam(model, twice, targets):
    options = {"copies": 3, "sigma": 0.2, "seed": 7, "kernel_size": 3}
    with DTGradCAM(model=model, target_layers=[model.layer3], **options) as cam:
        maps = cam(input_tensor=twice, targets=targets)
    classes = targets and [getattr(target, "category", target) for target in targets]
    ours = compute_cam(model, twice, classes, "dt_gradcam", "layer3", **options)
    assert maps.dtype == np.float32 and maps.shape == (2, SIZE, SIZE)
    assert (maps.min() == 0 and maps.max() == 1) or targets is not FOR_AND_AGAINST
    assert np.array_equal(maps, ours.numpy())


def test_a_reshape_transform_of_the_peer(twice):
    torch.manual_seed(0)
    network = timm.create_model("vit_tiny_patch16_224", img_size=SIZE, num_classes=3, depth=2)
    layer = network.blocks[-1].norm1
    with DTGradCAM(network, [layer], tokens_below_class, copies=2) as cam:
        given = cam(twice, FOR_AND_AGAINST)
    with DTGradCAM(network, [layer], copies=2) as cam:
        found = cam(twice, FOR_AND_AGAINST)
    assert np.array_equal(given, found) and given.max() == 1
    with pytest.raises(UserError, match="reshape_transform: does not fit"):
        DTGradCAM(network, [layer], vit_reshape_transform, copies=2)(twice, FOR_AND_AGAINST)
    with pytest.raises(UserError, match="must return N x C x h x w"):
        DTGradCAM(network, [layer], lambda tensor: tensor, copies=2)(twice, FOR_AND_AGAINST)


def test_the_readme_of_pytorch_grad_cam(model, images):
    """Its first example and the metric that calls the method itself, the class alone exchanged."""
    rgb_img = ((images[0] + 1) / 2).permute(1, 2, 0).numpy()
    input_tensor, targets = images[:1], [ClassifierOutputTarget(4)]
    target_layers = [model.layer3[-1]]
    with DTGradCAM(model=model, target_layers=target_layers, copies=2) as cam:
        grayscale_cams = cam(input_tensor=input_tensor, targets=targets)
        grayscale_cam = grayscale_cams[0, :]
        visualization = show_cam_on_image(rgb_img, grayscale_cam, use_rgb=True)
        model_outputs = cam.outputs
    assert visualization.shape == (SIZE, SIZE, 3) and visualization.dtype == np.uint8
    assert torch.allclose(model_outputs, model(input_tensor), atol=1e-5)

    arcc = ARCC(base_method=cam, road_percentiles=[40, 80])
    metric_targets = [ClassifierOutputSoftmaxTarget(4)]
    assert np.isfinite(arcc(input_tensor, grayscale_cams, metric_targets, model)).all()


@pytest.mark.parametrize("method", ["gradcam", "dt_gradcam"])
@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_tokens_that_no_score_depends_on(library, method, images):
    """Of the last layers only the class token counts: said once, with the layer to take."""
    torch.manual_seed(0)
    if library == "timm":
        model = timm.models.VisionTransformer(SIZE, 16, num_classes=3, embed_dim=24, depth=2)
        unused, used = (model.blocks[-1], model.norm, model.blocks[-1].norm2), "blocks.1.norm1"
    else:
        model = torchvision.models.VisionTransformer(SIZE, 16, 2, 2, 32, 64, num_classes=3)
        torch.nn.init.normal_(model.heads.head.weight)  # torchvision begins with zeros
        unused, used = (model.encoder.ln,), "encoder.layers.encoder_layer_1.ln_1"
    for layer in unused:
        with pytest.warns(UserWarning, match=f"do not depend on .*; take '{used}'") as said:
            assert not compute_cam(model, images, [0, 1], method, layer).any()
        assert len({str(warning.message) for warning in said}) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compute_cam(model, images, [0, 1], method, used).any()
        # A class against which everything speaks has an empty map too, but for another reason.
        compute_cam(model, images, [lambda output: -output.abs().sum()] * 2, method, used)


@pytest.mark.parametrize(
    ("arguments", "call", "message"),
    [
        ({"target_layers": "layer4"}, {}, "target_layers: give a list"),
        ({"target_layers": ["layer5"]}, {}, "no layer 'layer5'; near names: layer"),
        ({}, {"eigen_smooth": True}, "eigen_smooth: .* leave it False"),
        ({}, {"targets": [ClassifierOutputTarget(0)]}, "targets: 1 given for 2 images"),
        ({}, {"targets": [lambda output: output] * 2}, r"must return one number.*\(5,\)"),
        ({}, {"targets": [lambda output: output[0] / 0] * 2}, "NaN or infinite"),
        ({}, {"targets": [0, ClassifierOutputTarget(0)]}, "not both"),
    ],
)
def test_mistakes(model, images, arguments, call, message):
    with pytest.raises(UserError, match=message):
        DTGradCAM(model, **{"target_layers": [model.layer4]} | arguments)(images, **call)


def test_an_extractor_of_torchcam(model, images):
    """torch-cam's README: run the model, then give the class and the scores."""
    with DTGradCAMExtractor(model, "layer3", copies=2) as cam_extractor:
        out = model(images[:1])
        activation_map = cam_extractor(out.squeeze(0).argmax().item(), out)
        again = cam_extractor(out.squeeze(0).argmax().item(), out)
        model(images)
        many = cam_extractor([3, 1])
    predicted = compute_cam(model, images[:1], None, "dt_gradcam", "layer3", copies=2)
    assert torch.equal(activation_map[0], predicted) and torch.equal(again[0], predicted)
    assert torch.equal(
        many[0], compute_cam(model, images, [3, 1], "dt_gradcam", "layer3", copies=2)
    )
    assert not model._forward_pre_hooks
    with pytest.raises(UserError, match="Run the model"):
        cam_extractor(0)
