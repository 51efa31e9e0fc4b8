"""The tables of a study, one module each; a table has the name of its module."""
