"""The tables of a study: a module each, whose name is the table's."""
