"""Benchmark of the hand prior; see ``__main__``."""
