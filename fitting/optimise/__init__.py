"""The optimisation: objective, solvers, schedule, initialisation."""
