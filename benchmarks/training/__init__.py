"""The paper's network in diffkeras and in PyTorch: images per second."""
