"""The leaderboard: runs of methods side by side, as one page that opens from the disk."""
