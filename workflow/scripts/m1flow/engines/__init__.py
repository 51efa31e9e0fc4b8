"""Engines: token ids in, completions out."""
