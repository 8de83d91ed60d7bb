"""TensorFlow Datasets builders; importing this package registers them.

Example:

```python
import tensorflow_datasets as tfds
import tfds_builders

examples = {"train": 100, "validation": 10, "test": 10}  # without: 20,800, after consent
tfds.load("diffusion_fields/sources_05", split="train", builder_kwargs={"examples": examples})
```
"""

from tfds_builders.diffusion_fields.diffusion_fields_dataset_builder import (
    Builder,
    DiffusionFieldsConfig,
)

__all__ = ["Builder", "DiffusionFieldsConfig"]
