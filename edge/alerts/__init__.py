"""Somebody is told when a scan is finished, paused, broken or in need, whether anybody looks or not."""
