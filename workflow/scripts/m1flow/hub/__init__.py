"""The Hugging Face hub: choosing and downloading files at locked commits, and pushing models."""
