"""The training loop: schedule, randomness, phases, checkpoints."""
