"""Evaluation of fits to videos, with exact truth and with calibrated cameras."""
