"""One model for each section of a study: its keys, their limits, defaults and descriptions, which stand only here.

Each section has a module of its own, since a script runs again when a module that it imports changes: a default of
training is no reason to sweep anew.
"""
