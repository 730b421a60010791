"""One short script a use."""
