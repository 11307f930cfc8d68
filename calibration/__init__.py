"""From camera pixels to stage millimetres: arithmetic and files, never how a stage moves or a frame is captured."""
