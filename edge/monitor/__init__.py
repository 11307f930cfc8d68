"""The operator's page: what a recording holds, shown to browsers by a process that the scan never waits for."""
