"""What runs an exported file."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

# by name: `source_images`, and what a surrogate takes beside it
Inputs = Mapping[str, NDArray[np.float32]]
Runner = Callable[[Inputs], NDArray[np.float32]]
