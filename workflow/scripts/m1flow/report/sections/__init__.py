"""Sections of the page on the study's results: one module for each, whose name is the section's id."""
