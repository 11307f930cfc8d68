"""Is everything there that a scan needs?"""
