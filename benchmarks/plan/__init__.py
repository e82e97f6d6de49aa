"""What is measured, and about how long it takes."""
