"""Launcher for a checkout: `python cli.py …` is `diffkeras …`."""

from diffkeras.commands import main

if __name__ == "__main__":
    main()
