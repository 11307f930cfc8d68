"""The instrument's own page, there without a scan: a plan is made on it, and a scan started that waits to be armed."""
