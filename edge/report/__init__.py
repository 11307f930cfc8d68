"""The report of a scan: one page for the conservation file."""
