"""Readers, one file per family of formats; a suffix picks the reader."""
