"""The page's requests to TensorFlow Serving, answered by a stand-in from an exported solver."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from diffkeras.graph import TensorSolver
from docs.tests.helpers.snippets import DOCS, snippets


@contextmanager
def server(loaded: Any) -> Iterator[int]:
    """A port that answers as Serving's REST interface does: requests and outputs in columns."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert request.keys() == {"signature_name", "inputs"}
            assert self.path == "/v1/models/default:predict"
            signature = loaded.signatures[request["signature_name"]]
            specs = signature.structured_input_signature[1]
            assert request["inputs"].keys() == specs.keys()
            given = {
                name: tf.constant(v, specs[name].dtype) for name, v in request["inputs"].items()
            }
            for name, value in given.items():
                assert specs[name].shape.is_compatible_with(value.shape), name
            found = {name: value.numpy().tolist() for name, value in signature(**given).items()}
            outputs = found if len(found) > 1 else next(iter(found.values()))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"outputs": outputs}).encode())

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    with HTTPServer(("localhost", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        try:
            yield http.server_port
        finally:
            http.shutdown()
            thread.join()


def test_the_requests_of_the_page_get_fields_with_bounds(tmp_path):
    TensorSolver((64, 64), decay=1 / 400).export(tmp_path / "solver")
    loaded = tf.saved_model.load(str(tmp_path / "solver"))
    [snippet] = [s for s in snippets(DOCS / "export.md", "python") if "urllib" in s.code]
    names: dict[str, Any] = {}
    with server(loaded) as port:
        exec(snippet.code.replace(":8501/", f":{port}/"), names)
    exact = dk.solve(names["image"][0, ..., 0], decay=1 / 400).field
    for name, bounded in (("served", False), ("certified", True), ("refined", True)):
        answer = names[name]
        error = np.abs(answer["field"][0, ..., 0] - exact).max()
        assert error < 1e-6
        assert ("error_bound" in answer) == bounded
        if bounded:
            assert error <= answer["error_bound"][0] + 1e-9 < 1e-3


@pytest.mark.parametrize("file", ["examples/serving/Dockerfile", "export.md"])
def test_the_image_serves_the_model_that_is_asked_for(file):
    text = (DOCS / file).read_text(encoding="utf-8")
    folders = re.findall(r"--output exported/(\w+)/1", text)
    assert folders == ["default"]
    assert "ARG NAME=default" in (DOCS / "examples/serving/Dockerfile").read_text(encoding="utf-8")
