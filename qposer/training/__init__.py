"""Training the prior, and measuring how well it reconstructs."""
