"""Fits to several calibrated views."""
