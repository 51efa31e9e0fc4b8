"""Sections of the page on the study's results: a module each, whose name is the section's id."""
