"""The service's pages for a browser: the fleet, its models, their campaigns, alerts and the schedule."""
