"""The question: adapters that read it, its id, the order of its options, and the formulary of the demo."""
