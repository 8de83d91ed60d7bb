"""Published unit tests of diffusion in cell simulators, with steady values that are proven.

`python -m benchmarks.arbiter` writes the tables of `docs/arbiter.md`.
"""
