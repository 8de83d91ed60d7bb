"""The formats of exports."""

import pytest

from tests.helpers.export_tools import FILES, INSTALLED


@pytest.fixture(params=[pytest.param(name, id=name) for name in FILES])
def format(request):
    """Each format whose packages are installed."""
    if request.param not in INSTALLED:
        pytest.skip("needs the extra `export`")
    return request.param
