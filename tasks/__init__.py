"""The stages of a release: one file each, reading top to bottom over release, source and cluster."""
