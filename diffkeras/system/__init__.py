"""Files, processes, messages and the environment.

- Files: `atomic_files` (text, JSON, CSV, directories), `array_files`, `yaml_io`, `saved_models`,
  `result_folders`, `file_lock`.
- Processes: `process_pool`, `interruption` (signals).
- Messages: `messages`, `progress`. Settings: `section`.
- What is installed: `packages`, `environment`, `tensorflow_setup`.
"""
