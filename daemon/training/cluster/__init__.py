"""Trainings on a Ray cluster: its Jobs API, workers as jobs, the folder that nodes share, what the cluster has."""
