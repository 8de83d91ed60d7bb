"""What runs an exported file."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

# by name: `source_images`, and `diffusion_length` of surrogates that take it
Inputs = Mapping[str, NDArray[np.float32]]
Runner = Callable[[Inputs], NDArray[np.float32]]
