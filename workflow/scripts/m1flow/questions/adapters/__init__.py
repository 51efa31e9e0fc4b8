"""Adapters, one in each file; an adapter turns its kind of file into rows for `question.make_questions`."""
