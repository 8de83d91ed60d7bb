"""Inputs and targets of a network: transforms, network input, target, regions."""
