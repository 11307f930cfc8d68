"""From camera frame to the photograph on the scan grid."""
