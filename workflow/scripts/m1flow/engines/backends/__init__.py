"""Engines that a study can name, one in each file; each declares its abilities and opens models."""
