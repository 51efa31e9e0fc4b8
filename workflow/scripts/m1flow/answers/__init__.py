"""Answers: which option a text states, if any, and how scorers judge it."""
