"""What is held out: whole backgrounds and whole objects."""
