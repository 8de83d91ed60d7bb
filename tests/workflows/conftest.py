"""The formats of exports."""

from collections.abc import Iterator

import pytest
from export_tools import FILES, INSTALLED

from diffkeras.workflows import export_run


@pytest.fixture(autouse=True, scope="session")
def few_timed_calls() -> Iterator[None]:
    """As few as possible: no test looks at how long they take."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_run, "SECONDS", 0.0)
        yield


@pytest.fixture(params=[pytest.param(name, id=name) for name in FILES])
def format(request: pytest.FixtureRequest) -> str:
    """Each format whose packages are installed."""
    if request.param not in INSTALLED:
        pytest.skip("needs the extra `export`")
    return request.param
