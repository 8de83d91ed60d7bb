"""`python -m diffkeras_benchmark …` is `diffkeras-benchmark …`."""

from diffkeras_benchmark.commands import main

if __name__ == "__main__":
    main()
