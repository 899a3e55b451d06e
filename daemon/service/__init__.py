"""The long-running service: its round, the queue, and the processes it starts."""
