"""The application that runs beside the scanner."""
