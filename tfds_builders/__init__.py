"""TensorFlow Datasets builders; importing this package registers them.

Example:

```python
import tensorflow_datasets as tfds
import tfds_builders

tfds.load("diffusion_fields/sources_05", split="train")
```
"""

from tfds_builders.diffusion_fields.diffusion_fields_dataset_builder import (
    Builder,
    DiffusionFieldsConfig,
)

__all__ = ["Builder", "DiffusionFieldsConfig"]
