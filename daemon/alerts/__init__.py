"""Messages to owners on their way out: today the webhook."""
