"""Engines that a study can name, one in each file: every one says what it can do, and opens a model."""
