"""Published unit tests of diffusion in cell simulators, with steady values that are proven.

`python -m benchmarks.arbiter` writes the tables and the picture of `docs/arbiter.md`.
`python -m benchmarks.arbiter.certify` proves how far another program's field is from the steady
one.
"""
