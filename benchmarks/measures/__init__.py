"""What is measured of a network: one file for each kind."""
