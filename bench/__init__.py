"""Ratios measured side by side; see README.md."""
