"""Bringing a model's files to where an engine reads them: resolve once, check everything, download what is missing."""
