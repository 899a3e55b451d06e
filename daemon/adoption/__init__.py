"""What follows an adoption, and what makes one without a person: hooks, automatic adoption, the message about it."""
