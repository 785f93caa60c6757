"""What the house says of itself: logs, metrics and health. It knows no other room but the settings."""
