"""ShareBench: a table of fully trained sharing patterns; here it is made."""
