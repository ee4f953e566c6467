"""Relaxations: gates on every departure, trained with the weights; their scores say what owning is worth."""
