"""A zoo of interchangeable networks for paired images: (bg, fg_bg) -> (mask, depth).

>>> import zoo
>>> model = zoo.build("u2net", in_ch=6).eval()
>>> mask, depth = model(bg, fg_bg)  # doctest: +SKIP
"""

try:
    from registry.neighbours import check as _check
except ImportError as error:
    import registry

    raise ImportError(
        f"pairzoo's package 'registry' is shadowed by {registry.__file__}. Uninstall or rename the other package, or"
        " start Python from another folder"
    ) from error

_check(__file__)

from typing import TYPE_CHECKING, Any  # noqa: E402

from registry import ZooError  # noqa: E402
from zoo import data, losses, metrics, recipes  # noqa: E402
from zoo.architectures import architectures as _architectures  # noqa: E402  (the check comes first)
from zoo.contract import InputError, Interface, Prediction  # noqa: E402
from zoo.describing import Description, describe  # noqa: E402
from zoo.factory import build  # noqa: E402
from zoo.model import PairModel  # noqa: E402
from zoo.saved import load, save  # noqa: E402
from zoo.version import __version__  # noqa: E402
from zoo.wrap import wrap  # noqa: E402

if TYPE_CHECKING:
    from zoo.deploy import predict as predict
    from zoo.metrics.evaluate import evaluate as evaluate
    from zoo.training import fit as fit

names = _architectures.names
_later = {"predict": "zoo.deploy", "evaluate": "zoo.metrics.evaluate", "fit": "zoo.training"}  # they load more


def __getattr__(name: str) -> Any:
    if name in _later:
        from importlib import import_module

        return getattr(import_module(_later[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__distribution__ = "pairzoo"
__all__ = [
    "Description",
    "InputError",
    "Interface",
    "PairModel",
    "Prediction",
    "ZooError",
    "__version__",
    "build",
    "data",
    "describe",
    "evaluate",
    "fit",
    "load",
    "losses",
    "metrics",
    "names",
    "predict",
    "recipes",
    "save",
    "wrap",
]
