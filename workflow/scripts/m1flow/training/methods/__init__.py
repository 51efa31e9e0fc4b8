"""Training methods, one in each file: every one makes a student of a base and a dataset."""
