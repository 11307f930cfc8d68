"""What a scan may be told: closed schemas over strict YAML."""
