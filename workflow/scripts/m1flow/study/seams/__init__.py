"""The seams of the library: for each, its entries by name, and what an entry declares for a study's checks."""
