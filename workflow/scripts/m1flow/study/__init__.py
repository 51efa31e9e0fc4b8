"""A study's configuration as typed, cross-checked objects, and checks of problems that would stop a run."""
