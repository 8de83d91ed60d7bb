from importlib.util import find_spec

import pytest

PACKAGES = {"onnx": "onnxruntime", "saved_model": "tensorflow"}
INSTALLED = [name for name, package in PACKAGES.items() if find_spec(package)]
FILES = {"saved_model": "saved_model", "onnx": "model.onnx"}
needs_extra = pytest.mark.skipif(len(INSTALLED) < 2, reason="needs the extra `export`")
