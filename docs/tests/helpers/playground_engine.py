"""The playground's JavaScript in an engine within Python, without a browser."""

import json
import runpy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DOCS = Path(__file__).parents[2]
SCRIPTS = ("equations", "multigrid", "problem", "proof", "surrogate", "drawing")

weights_script = runpy.run_path(str(DOCS / "_ext" / "playground.py"))["weights_script"]

CALLS = """
var Float64 = (values) => values && Float64Array.from(values);
var problemOf = (parts) => {
  const arrays = ["image", "fixed", "production", "diffusivity", "decay", "uptake", "saturation"];
  const own = { ...parts };
  for (const name of arrays) own[name] = Float64(parts[name]);
  return new diffkeras.Problem(own);
};
// infinite numbers as text, and NaN, which JSON has not, as null
var toJson = (value) => JSON.stringify(value, (key, item) =>
  item instanceof Float64Array ? Array.from(item)
    : Math.abs(item) === Infinity ? "Infinity" : item);
var solved = (parts, tolerance) => {
  const problem = problemOf(parts), found = diffkeras.solve(problem, tolerance);
  const field = diffkeras.withoutGhosts(problem.equations, found.field);
  return toJson({ field, errorBound: found.errorBound });
};
var predicted = (parts, surrogate) => {
  const problem = problemOf(parts);
  const field = diffkeras.predict(problem, diffkeras.weights[surrogate]);
  return toJson(diffkeras.withoutGhosts(problem.equations, field));
};
var certified = (parts, values) => {
  const problem = problemOf(parts);
  const field = diffkeras.withGhosts(problem.equations, values);
  const { nodeBound } = diffkeras.certify(problem, field);
  return toJson(diffkeras.withoutGhosts(problem.equations, nodeBound));
};
var drawingOf = (side, preset, strokes) => {
  const drawing = new diffkeras.Drawing(side);
  drawing.drawPreset(preset);
  for (const stroke of strokes) {
    drawing.begin();
    drawing.add(...stroke);
  }
  return drawing;
};
var drawn = (side, preset, strokes, settings) => {
  const drawing = drawingOf(side, preset, strokes);
  return toJson({ parts: drawing.parts(settings), python: drawing.python(settings) });
};
var arrays = ({ vessel, cell, producer, diffusivity }) => [vessel, cell, producer, diffusivity];
// the arrays before a change, after it, and after it was undone
var undone = (side, preset, strokes, change) => {
  const drawing = drawingOf(side, preset, strokes), before = toJson(arrays(drawing));
  if (change === "clear") drawing.clear(); else drawing.drawPreset(change);
  const after = toJson(arrays(drawing));
  drawing.undo();
  return toJson([before, after, toJson(arrays(drawing))]);
};
var resized = (side, preset, strokes, other) =>
  toJson(arrays(drawingOf(side, preset, strokes).resized(other)));
"""


class Engine:
    """The scripts, without the page. Problems are dictionaries of arrays, as in JavaScript."""

    def __init__(self) -> None:
        from py_mini_racer import MiniRacer

        self._context = MiniRacer()
        for name in SCRIPTS:
            path = DOCS / "_static" / "playground" / f"{name}.js"
            self._context.eval(path.read_text(encoding="utf-8") + ";0")
        self._context.eval(weights_script() + CALLS + ";0")

    def call(self, name: str, *arguments: Any) -> Any:
        """What a function of `CALLS` returns."""
        given = ", ".join(json.dumps(argument, default=np.ndarray.tolist) for argument in arguments)
        return json.loads(self._context.eval(f"{name}({given})"))

    def solve(
        self, parts: dict[str, Any], tolerance: float = 1e-9
    ) -> tuple[NDArray[np.float64], float]:
        found = self.call("solved", flat(parts), tolerance)
        return self._array(found["field"], parts), float(found["errorBound"])

    def predict(self, parts: dict[str, Any], surrogate: str) -> NDArray[np.float64]:
        return self._array(self.call("predicted", flat(parts), surrogate), parts)

    def certify(self, parts: dict[str, Any], field: NDArray) -> NDArray[np.float64]:
        return self._array(self.call("certified", flat(parts), field.ravel()), parts)

    @staticmethod
    def _array(values: list, parts: dict[str, Any]) -> NDArray[np.float64]:
        # float(None) would raise: JavaScript's NaN
        return np.array([float(value) for value in values]).reshape(parts["image"].shape)


@cache
def engine() -> Engine:
    return Engine()


def flat(parts: dict[str, Any]) -> dict[str, Any]:
    """The parts as JavaScript takes them."""
    rows, columns = parts["image"].shape
    arrays = {
        name: value.ravel() if isinstance(value, np.ndarray) else value
        for name, value in parts.items()
    }
    return {"rows": rows, "columns": columns, **arrays}
