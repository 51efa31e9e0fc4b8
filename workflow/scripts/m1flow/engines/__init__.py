"""Engines, which take token ids and give completions."""
