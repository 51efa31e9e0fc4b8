"""Scorers, one in each file; a scorer reads the option that an answer states."""
