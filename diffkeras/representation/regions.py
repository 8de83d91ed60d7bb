"""Regions of the lattice for which errors are reported.

arXiv 2302.03786 reports the mean absolute error over the whole lattice, over the sources, over
the field outside the sources, and over three rings around them, which are defined by the value of
the target field. Training metrics and evaluation share this definition. It uses operators only, so
it works on NumPy arrays and on the tensors of any Keras backend.
"""

from typing import Any

REGIONS: dict[str, str] = {
    "lattice": "whole lattice",
    "sources": "sources (x > 0)",
    "field": "field (x = 0)",
    "r1": "R1 (x = 0, 0.2 ≤ u ≤ 1)",
    "r2": "R2 (x = 0, 0.1 ≤ u < 0.2)",
    "r3": "R3 (x = 0, 0.05 ≤ u < 0.1)",
}
"""Name of each region → its label for tables and plots."""


def region_mask(name: str, field: Any, source_image: Any) -> Any:
    """The nodes that belong to a region.

    Args:
        name: a key of `REGIONS`.
        field: target field u on the linear scale, any shape. Do not pass a prediction: the region
            would change with the error that is measured over it.
        source_image: source image x on the linear scale, the shape of `field`; may be None for the
            region "lattice".

    Returns:
        Booleans of the shape of `field`.

    Raises:
        ValueError: there is no region of that name, or it needs the source image.

    Example:

    ```python
    field = np.array([1.0, 0.5, 0.15, 0.07, 0.01])
    source_image = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    region_mask("r2", field, source_image)  # [False, False, True, False, False]
    ```

    Source: arXiv 2302.03786.
    """
    if name not in REGIONS:
        raise ValueError(f"no region is named {name!r}; choose one of {', '.join(REGIONS)}")
    if name == "lattice":
        at_least_zero = field >= 0
        # Includes nodes where the field is NaN, so that a broken target shows in the error.
        return at_least_zero | ~at_least_zero
    if source_image is None:
        raise ValueError(f"region {name!r} needs the source image, which is missing")
    if name == "sources":
        return source_image > 0
    outside = source_image == 0
    if name == "field":
        return outside
    if name == "r1":
        return outside & (field >= 0.2) & (field <= 1.0)
    if name == "r2":
        return outside & (field >= 0.1) & (field < 0.2)
    return outside & (field >= 0.05) & (field < 0.1)
