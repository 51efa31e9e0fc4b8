"""Training methods, one in each file; a method makes a student from a base and a dataset."""
