"""Procedures that hold a camera or move the stage to find out where the camera looks."""
