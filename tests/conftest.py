"""Settings of the whole suite."""

import os
import sys

# Before numpy is loaded: BLAS threads that wait for each other beside a second test process spin, 20-fold at worst.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# Times on a busy machine say nothing about a property.
settings.register_profile("apportion", deadline=None)
settings.load_profile("apportion")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Many small tensors: threads cost more than they give. Does not itself load torch."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
