"""The terms of a fit's objective, one per file: a residual, its weights, and its columns of the Jacobian."""
