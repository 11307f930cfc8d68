"""One scan, one folder: the journal that loses nothing, its folds, and the maps made from it."""
