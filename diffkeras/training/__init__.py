"""Train a network: session, batches, loop, checkpoints."""
