"""The console's commands, a file each."""
