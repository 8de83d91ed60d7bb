"""Exports that are refused, and files that they must not replace."""

import json
from importlib import import_module

import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras import export
from diffkeras.errors import ExportError, OutputError
from diffkeras.surrogates.export import export_surrogate
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system import packages
from tests.helpers.export_tools import FILES, needs_extra
from tests.helpers.surrogate_kinds import untrained

cli_export = import_module("diffkeras.commands.export")


def test_only_exports_are_replaced(run_dir, tmp_path, format):
    path = notes = tmp_path / FILES[format]
    if format == "saved_model":
        path.mkdir()
        notes = path / "notes.txt"
    for content in (b"", b"mine", np.random.default_rng(0).bytes(5000)):
        notes.write_bytes(content)
        with pytest.raises(OutputError, match=r"no (file of an )?earlier"):
            export(run_dir, format, path)
        assert [file for file in tmp_path.rglob("*") if file.is_file()] == [notes]
        assert notes.read_bytes() == content


@needs_extra
def test_networks_of_half_precision_are_refused(tiny, tmp_path):
    config = tiny.with_overrides({"training.precision": "mixed_float16"})
    with pytest.raises(ExportError, match=r"training\.precision: float32"):
        export_surrogate(untrained(config), "onnx", tmp_path / FILES["onnx"])
    assert not [*tmp_path.iterdir()]


@needs_extra
def test_operations_that_onnx_lacks_are_refused(tiny, tmp_path):
    x = keras.Input((None, None, 1))
    y = keras.layers.Lambda(lambda v: tf.math.bessel_i0(v))(x)
    with pytest.raises(ExportError, match=r"can't express this network: .*BesselI0"):
        export_surrogate(Surrogate(keras.Model(x, y), tiny), "onnx", tmp_path / FILES["onnx"])
    assert not [*tmp_path.iterdir()]


def test_a_missing_package_is_named_before_any_work(refused, run_dir, monkeypatch):
    monkeypatch.setattr(cli_export, "start_tensorflow", lambda: pytest.fail("works"))
    for package in ("tf2onnx", "onnxruntime"):
        monkeypatch.setattr(
            packages,
            "find_spec",
            lambda name, package=package: None if name == package else name,
        )
        line = refused("export", run_dir, "--format", "onnx")
        assert f"the format onnx needs {package}, which" in line
        assert "pip install '.[export]'" in line
    assert not (run_dir / "model.onnx").exists()
    assert "'litert' is not one of" in refused("export", run_dir, "--format", "litert")


def test_what_cant_be_exported_is_refused(refused, run_dir, tmp_path, own_run):
    assert "there is no run directory" in refused("export", tmp_path / "none")
    for words in (("export", run_dir, "-o"), ("train", "--config", "quickstart", "--run-dir")):
        assert "choose another name" in refused(*words, tmp_path / "y[1]")
    assert "not a multiple of 2" in refused("export", run_dir, "--lattice", "16x17")
    small = ("export", run_dir, "--lattice", "2", "-o", tmp_path / "small")
    assert "don't fit on 2×2 nodes" in refused(*small)
    assert not (tmp_path / "small").exists()
    state = json.loads((own_run / "run.json").read_text())
    (own_run / "run.json").write_text(json.dumps({**state, "state": "interrupted"}))
    assert "is not finished" in refused("export", own_run)
    with pytest.raises(ExportError, match="no format 'torch'"):
        export(run_dir, "torch")
