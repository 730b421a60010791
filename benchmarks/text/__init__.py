"""Poses generated from texts, judged by an evaluator and by what the texts say: ``python -m benchmarks.text``."""
