"""One model for each section of a study: the only place that defines its keys, limits, defaults and descriptions.

Each section has its own module, since a script runs again when a module that it imports changes: a changed default of
training must not make the sweeps run again.
"""
