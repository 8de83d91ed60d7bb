"""Trained surrogates: build, save, load, predict."""
