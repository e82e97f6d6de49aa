"""A zoo of interchangeable networks for paired images: (bg, fg_bg) -> (mask, depth).

>>> import zoo
>>> model = zoo.build("u2net", in_ch=6).eval()
>>> mask, depth = model(bg, fg_bg)  # doctest: +SKIP
"""

try:
    from registry.neighbours import check as _check
except ImportError as error:
    import sys

    import registry

    message = (
        f"pairzoo's package 'registry' is shadowed by {registry.__file__}. Uninstall or rename the other package, or"
        " start Python from another folder"
    )
    if sys.argv[:1] == ["-m"]:  # a command, which ends in a line
        sys.exit(f"error: {message}")
    raise ImportError(message) from error

_check(__file__)

from importlib import import_module  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

from zoo.version import __version__  # noqa: E402  (the check comes first)

if TYPE_CHECKING:
    from registry import ZooError
    from zoo import data, deploy, losses, metrics, recipes, training
    from zoo.architectures import names
    from zoo.contract import InputError, Interface, Prediction
    from zoo.deploy import predict
    from zoo.deploy.exporting import export
    from zoo.deploy.optimise import optimise
    from zoo.describing import Description, describe
    from zoo.factory import build
    from zoo.metrics.evaluate import evaluate
    from zoo.model import PairModel
    from zoo.saved import load, save
    from zoo.training.adapting import adapt
    from zoo.training.fit import fit
    from zoo.wrapped import wrap

_HOMES = {  # name -> where it is defined; imported when it is first asked for, so that `zoo --help` answers at once
    "ZooError": "registry",
    "names": "zoo.architectures",
    **dict.fromkeys(("InputError", "Interface", "Prediction"), "zoo.contract"),
    "predict": "zoo.deploy",
    "export": "zoo.deploy.exporting",
    "optimise": "zoo.deploy.optimise",
    **dict.fromkeys(("Description", "describe"), "zoo.describing"),
    "build": "zoo.factory",
    "evaluate": "zoo.metrics.evaluate",
    "PairModel": "zoo.model",
    **dict.fromkeys(("load", "save"), "zoo.saved"),
    "adapt": "zoo.training.adapting",
    "fit": "zoo.training",
    "wrap": "zoo.wrapped",
}
_PACKAGES = ("data", "deploy", "losses", "metrics", "recipes", "training")


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"zoo.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__distribution__ = "pairzoo"
__all__ = [
    "Description",
    "InputError",
    "Interface",
    "PairModel",
    "Prediction",
    "ZooError",
    "__version__",
    "adapt",
    "build",
    "data",
    "deploy",
    "describe",
    "evaluate",
    "export",
    "fit",
    "load",
    "losses",
    "metrics",
    "names",
    "optimise",
    "predict",
    "recipes",
    "save",
    "training",
    "wrap",
]
