"""Traces: attempts and difficulty, teaching, domains, and the selection of datasets."""
