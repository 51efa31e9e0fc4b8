"""Respondents: models, recordings and the formulary's solver, opened as solvers, teachers or judges."""
