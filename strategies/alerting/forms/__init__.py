"""What an alert looks like in each channel, within the channel's limits."""
