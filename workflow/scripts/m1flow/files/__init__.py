"""Reliable files: atomic tables, their contracts, provenance, and the journal file."""
