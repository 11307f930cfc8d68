"""In which order to visit, and what no order can beat."""
