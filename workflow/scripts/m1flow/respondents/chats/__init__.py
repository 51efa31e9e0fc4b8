"""How a model is reached, one way in each file: in this process, or behind an endpoint."""
