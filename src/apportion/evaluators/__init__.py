"""What a pattern is worth: data, training, scores, and the protocol that all evaluators follow."""
