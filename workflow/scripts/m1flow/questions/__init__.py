"""Questions: adapters that read them, their ids, the order of their options, and the demo's formulary."""
