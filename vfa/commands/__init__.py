"""Command lines: options in, messages and exit codes out."""
