"""Model folders, tokenizers, reasoning formats, and claims of GPUs."""
