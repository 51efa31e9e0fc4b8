"""The pool of training questions: similarity, deduplication and decontamination."""
