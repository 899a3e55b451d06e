"""The data of a campaign, cut into files: one to train on and one to be scored on for each training."""
