print "loss: %f" % 0.5
