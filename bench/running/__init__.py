"""Runs methods on the samples of a suite: workers, records, resume, and the scores that follow."""
