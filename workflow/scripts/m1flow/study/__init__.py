"""A study's configuration as typed objects, cross-checked, and what would stop the study from running."""
