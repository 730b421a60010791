"""Command-line demos, one short script for each use."""
