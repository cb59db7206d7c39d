"""DALAResNet50 in timm's registry: once imported, `timm.create_model("dalaresnet50")` builds it.

`import paper_code.networks` imports this module if timm has been imported before; it does not
import timm by itself, which takes seconds that most commands of the workflow do not need.
"""

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model

from paper_code.errors import UserError
from paper_code.networks.dalaresnet50 import CHANNELS, DALAResNet50

# The images that this project's networks see: squeezed to a square, bilinear, in [-1, 1].
default_cfgs = generate_default_cfgs(
    {
        "dalaresnet50": {
            "num_classes": 2,
            "input_size": (3, 224, 224),
            "pool_size": (7, 7),
            "crop_pct": 1.0,
            "crop_mode": "squash",
            "interpolation": "bilinear",
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
            "first_conv": "conv1",
            "classifier": "fc.1",
            "license": "mit",
        }
    }
)


@register_model
def dalaresnet50(pretrained: bool = False, **options: object) -> DALAResNet50:
    """A ResNet50 with a dual-activated gate (Liu, Himel, Wang 2024).

    pretrained: start everything but the gate and the classifier from torchvision's ImageNet
        weights, as in the paper. No weights of the gate have been published.
    options: num_classes (2; 0: no classifier), drop_rate (0.25, before the classifier), gate_after
        and reduction (see `DALAResNet50`), features_only and out_indices (see timm).

    UserError for other input channels than 3 or another pooling than the average.
    """
    if options.get("in_chans", 3) != 3:
        raise UserError(
            f"in_chans: {options['in_chans']}; dalaresnet50 takes 3 (repeat a grey one)"
        )
    if options.get("global_pool", "avg") != "avg":
        raise UserError(
            f"global_pool: {options['global_pool']!r} is not 'avg'; forward_features gives the map"
        )
    return build_model_with_cfg(
        _build,
        "dalaresnet50",
        pretrained=False,  # the ImageNet weights come through the same file as everywhere here
        weights="imagenet" if pretrained else None,
        feature_cfg={"feature_cls": "fx"},
        kwargs_filter=("in_chans", "global_pool"),
        **options,
    )


def _build(num_classes: int, drop_rate: float = 0.25, **options: object) -> DALAResNet50:
    network = DALAResNet50(num_classes or 2, dropout=drop_rate, **options)
    if num_classes == 0:
        network.reset_classifier(0)
    modules = ["relu", "layer1", "layer2", "layer3", "layer4"]
    modules[network.gate_after] = "gate"
    network.feature_info = [
        {"num_chs": channels, "reduction": 2**level, "module": module}
        for level, (channels, module) in enumerate(
            zip((64, *CHANNELS), modules, strict=True), start=1
        )
    ]
    return network
