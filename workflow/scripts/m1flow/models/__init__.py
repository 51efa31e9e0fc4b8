"""Model folders, tokenizers, reasoning formats, and the GPUs that a job takes."""
