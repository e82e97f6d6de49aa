"""Making data: pictures composed of backgrounds and cut-outs, and shards of any data."""
