"""What a GPU decides: `pytest -m gpu`. Where there is none, what is not CUDA's own is tried on the CPU."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from zoo.precision import float32

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("gpu")


@pytest.fixture(autouse=True)
def single() -> Iterator[None]:
    """Products and convolutions in single precision, unless a test asks for other; as trainings have them."""
    with float32():
        yield


@pytest.fixture(scope="session")
def device() -> torch.device:
    """CUDA where there is one."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


@pytest.fixture(scope="session")
def cuda(device: torch.device) -> torch.device:
    """CUDA, or the test is left out."""
    if device.type != "cuda":
        pytest.skip("it is about CUDA")
    return device
