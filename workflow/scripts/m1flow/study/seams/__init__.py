"""The seams of the library: for each, its entries by name, and their declarations for a study's checks."""
