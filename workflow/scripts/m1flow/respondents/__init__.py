"""Respondents: solvers, teachers and judges as things that can be asked."""
