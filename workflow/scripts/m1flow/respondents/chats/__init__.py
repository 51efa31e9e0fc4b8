"""Ways to reach a model, one in each file: in this process, or behind an endpoint."""
