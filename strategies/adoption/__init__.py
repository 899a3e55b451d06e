"""What an adoption must show, whether its gain arrived, and what re-tuning has earned in all."""
