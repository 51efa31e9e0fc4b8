"""OpenAI-compatible endpoints: requests, retries, pace, ledger and spending cap."""
