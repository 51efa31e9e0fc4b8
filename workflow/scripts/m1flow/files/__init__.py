"""Files that can be trusted: atomic tables, their contracts, provenance, and the journal file."""
