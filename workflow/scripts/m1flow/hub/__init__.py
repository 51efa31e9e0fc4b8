"""The Hugging Face hub: which files of a repository are read, at which commit, and how models are pushed."""
