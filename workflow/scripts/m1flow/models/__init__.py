"""Model folders, tokenizers, reasoning formats, and claiming of GPUs."""
