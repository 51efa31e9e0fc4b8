"""m1flow: test-time scaling for medical reasoning as a reproducible study."""

__version__ = "0.1.0"  # x-release-please-version
