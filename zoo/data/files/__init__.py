"""Files and what is in them: folders, zips and shards, images, and what names tell."""
