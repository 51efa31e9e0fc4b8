"""Functions on plain text: normalising it, finding boxes, and making it safe to show."""
