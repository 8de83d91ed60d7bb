"""Measure how sharp certificates are and how fast refinement is.

    python benchmarks/certificates.py [side] [sources]

For predictions that are wrong in several ways, this prints the proven bound and the true error of
the corrected field, the ratio of the prediction's mean node bound to its mean true error, the bound
after each round of refinement, and the times of the certificate and of the exact solution.
"""

import sys
import time

import numpy as np
from scipy.ndimage import gaussian_filter

from diffkeras.physics import Medium, sample_sources, solve
from diffkeras.physics.bounds.certificate import certify
from diffkeras.physics.bounds.refinement import refine


def predictions(field: np.ndarray, source_image: np.ndarray) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(field.shape)
    smooth = gaussian_filter(noise, 3.0)
    return {
        "white noise of 1e-3": field + 1e-3 * noise,
        "smooth error, at most 1e-3": field + 1e-3 * smooth / abs(smooth).max(),
        "1.001 times the field": 1.001 * field,
        "the same, sources exact": np.where(source_image != 0, field, 1.001 * field),
        "float32 of the field": field.astype(np.float32),
        "zeros": np.zeros_like(field),
        "noise of 1e6": 1e6 * noise,
    }


def main(side: int = 512, count: int = 20) -> None:
    lattice, medium = (side, side), Medium()
    image = sample_sources(count, lattice, rng=np.random.default_rng(0)).image(lattice, np.float64)
    solve(image, medium=medium)
    start = time.perf_counter()
    field = solve(image, medium=medium).field
    print(f"{side}², {count} discs of radius 5; solve {1e3 * (time.perf_counter() - start):.0f} ms")
    print(
        f"{'prediction':28}{'its error':>10}{'bound':>10}{'true':>10}{'ratio':>7}{'nodes':>7}"
        f"{'ms':>5}  bound after each round"
    )
    for name, prediction in predictions(field, image).items():
        start = time.perf_counter()
        certificate = certify(prediction, image, medium=medium)
        took = time.perf_counter() - start
        true = abs(certificate.field - field).max()
        wrong = abs(prediction - field)
        refinement = refine(prediction, image, medium=medium, tolerance=2e-11, method="rounds")
        print(
            f"{name:28}{wrong.max():10.1e}{certificate.error_bound:10.2e}{true:10.2e}"
            f"{certificate.error_bound / true:7.3f}"
            f"{certificate.node_bound.mean() / wrong.mean():7.3f}{1e3 * took:5.0f}  "
            + " ".join(f"{bound:.1e}" for bound in refinement.history)
        )
    print(f"rounding allowance: {certify(field, image, medium=medium).allowance:.1e}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
