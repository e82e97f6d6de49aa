"""Networks that left as files of other programs, ONNX, OpenVINO or torch.export, and come back behind the contract.

zoo.deploy.exporting writes them; here they are read.
"""

from zoo.exported.facts import Facts
from zoo.exported.model import Exported, is_exported, load_exported

__all__ = ["Exported", "Facts", "is_exported", "load_exported"]
