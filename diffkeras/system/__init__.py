"""Files, processes, messages and the environment.

- Files: `system.atomic_files` (text, JSON, CSV, directories), `system.array_files`,
  `system.image_files`, `system.yaml_io`, `system.saved_models`, `system.file_lock`.
- Processes: `system.process_pool`, `system.blas_threads`, `system.interruption` (signals),
  `system.memory`.
- Messages: `system.messages`, `system.stack_level` (warnings), `system.progress`,
  `system.standard_error`.
- Settings: `system.plain_data`.
- What is installed: `system.packages`, `system.environment`, `system.tensorflow_setup`,
  `system.keras_compat`.
"""
