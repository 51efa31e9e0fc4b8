"""The sweep: its plan, the nested run, shards, grids of scored answers, and judging."""
