"""How well fits use the evidence, and whether they state their uncertainty correctly."""
