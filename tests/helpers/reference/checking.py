"""How a checkpoint of a reference network is made, loaded and compared."""

import copy
import warnings

import pytest
import torch

import zoo
from zoo.weights import IMAGENET_MEAN, IMAGENET_STD, WeightsError, load_into

H = 64


def shaken(net):
    """In eval mode, with batch norms away from their start, so that each of their numbers matters."""
    torch.manual_seed(1)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.7, 1.3)
            torch.nn.init.uniform_(module.weight, 0.7, 1.3)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    return net.eval()


def tiny(**options):
    torch.manual_seed(0)
    return zoo.build("u2netp", **options).eval()


def checkpoint(folder, net, change=lambda state: state):
    path = folder / "theirs.pth"
    torch.save(change(net.state_dict()), path)
    return path


def build(spec, path, **options):
    """The network in eval mode, and its report; the warning must say the same."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = zoo.build(spec, weights=path, **options)
    texts = [str(warning.message) for warning in caught]
    assert texts == ([] if model.loaded.is_plain else [str(model.loaded)])
    return model.eval(), model.loaded


def pair(c=3, h=H):
    generator = torch.Generator().manual_seed(7)
    return torch.rand(2, c, h, h, generator=generator), torch.rand(2, c, h, h, generator=generator)


def raw(model, bg, fg_bg):
    """The heads' own numbers, before any link."""
    with torch.no_grad():
        return model.logits(bg, fg_bg)


def assert_equal(ours, theirs):
    assert theirs.std() > 1e-4  # a constant would prove nothing
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def parts(names):
    return {
        ".".join(name.split(".")[:2]) if name.startswith(("decoders", "heads")) else name.split(".")[0]
        for name in names
    }


def imagenet(x):
    return (x - torch.tensor(IMAGENET_MEAN)[:, None, None]) / torch.tensor(IMAGENET_STD)[:, None, None]


def is_whole(report):
    """Every tensor of the file went into the network as it was, and none is missing there."""
    return not (report.fresh or report.unused or report.inflated)


def refused(spec, path, **options):
    """The error's text; a refused file changes nothing."""
    model = zoo.build(spec, **options)
    before, face, named = copy.deepcopy(model.state_dict()), model.face, model.spec
    with pytest.raises(WeightsError) as caught:
        load_into(model, path)
    assert all(before[key].equal(value) for key, value in model.state_dict().items())
    assert model.face is face
    assert model.spec is named
    assert not model.normalise.active
    assert getattr(model, "loaded", None) is None
    assert len(str(caught.value).splitlines()) <= 2
    return str(caught.value)


def message(call, *args, **kwargs):
    """The text of the WeightsError that a call raises, one or two lines."""
    with pytest.raises(WeightsError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert 1 <= len(text.splitlines()) <= 2
    assert len(text) < 700
    return text
