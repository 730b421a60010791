"""Damaged and hostile inputs: each must give a valid result or a one-line error message."""
