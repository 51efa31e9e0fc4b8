"""Plain-text work: normalising, boxes, and what of a text may be shown."""
