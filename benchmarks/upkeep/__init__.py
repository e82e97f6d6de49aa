"""What keeps the repository's own figures: committed records, README, docs."""
