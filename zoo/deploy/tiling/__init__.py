"""Pictures of any size in bounded memory: a look at the whole, tiles near the edges, and rows written as they come.

spans.py where tiles lie, and how they are blended; plates.py a plate registered on the whole, and parts of it;
fusing.py what a tile adds to the look at the whole; rows.py a photo's maps, rows after rows; png.py files in rows;
saving.py all of it into files.
"""
