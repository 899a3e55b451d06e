from optparse import OptionParser

parser = OptionParser()
parser.add_option("-f", "--file", dest="filename", help="data", default="rows.csv")
parser.add_option("--lr", dest="lr", type="float", default=0.01, help="learning rate")
parser.add_option("--hidden", type="int", default=32)
parser.add_option("--nesterov", action="store_true", default=False)
parser.add_option("--seed", type="int", default=1)
(options, args) = parser.parse_args()
print("Test RMSE: %.4f" % options.lr)
