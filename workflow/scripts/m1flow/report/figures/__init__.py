"""Figures: one module for each, whose name is the figure's and whose docstring says what it shows."""
