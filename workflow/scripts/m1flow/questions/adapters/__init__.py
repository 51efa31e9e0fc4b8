"""Adapters, one in each file: every one turns its kind of file into rows for `question.make_questions`."""
