"""A fuzz campaign against the doors that users meet: `python -m fuzzing --seconds 600`, or `make fuzz SECONDS=600`.

A case is a folder of files and some words; a kind makes cases and says what is done with them. Each case must work, or
be refused with a ZooError or an OSError, within seconds and with little memory, and leave no draft behind. What is
anything else is a finding: it is kept as a file in `found/`, and `tests/test_fuzz.py` runs it ever after.
"""
