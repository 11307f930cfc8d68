"""Other people's rasters: files of many kinds in, element maps or spectra out, bounded in size and in memory.

A reader takes a path and returns `FoundMaps` or `FoundCube`. To add one, write it in a file of its own and name it in
`READERS` of `edge.imports.readers`.
"""
