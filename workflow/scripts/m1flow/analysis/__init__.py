"""The numbers: one module for each table, and the statistics that they share."""
