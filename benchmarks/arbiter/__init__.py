"""Published unit tests of diffusion in cell simulators, with steady values that are proven.

`python -m benchmarks.arbiter` writes the tables and the picture of `docs/arbiter.md`.
"""
