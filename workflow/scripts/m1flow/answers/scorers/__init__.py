"""Scorers, one in each file: every one says which option an answer states."""
