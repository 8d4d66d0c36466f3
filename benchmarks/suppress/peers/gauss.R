# GaussSuppression with its defaults on an instance: `Rscript gauss.R FOLDER THRESHOLD TABLE` prints the blank cells as CSV.
# TABLE lists the dimensions of one table, separated by commas.
suppressMessages(library(GaussSuppression))
given <- commandArgs(trailingOnly = TRUE)
names <- strsplit(given[3], ",")[[1]]
people <- read.csv(file.path(given[1], "micro.csv"), colClasses = "character")
tree <- function(name) {
  parents <- read.csv(file.path(given[1], paste0("hierarchy_", name, ".csv")), colClasses = "character")
  walk <- function(code, depth) {
    do.call(rbind, c(
      list(data.frame(levels = strrep("@", depth), codes = code)),
      lapply(parents$code[parents$parent == code], walk, depth = depth + 1)
    ))
  }
  walk("Total", 1)
}
trees <- setNames(lapply(names, tree), names)
people$n <- 1
done <- SuppressSmallCounts(
  people, maxN = as.integer(given[2]) - 1, freqVar = "n", hierarchies = trees, protectZeros = FALSE, extend0 = FALSE
)
write.csv(done[done$suppressed, names, drop = FALSE], row.names = FALSE)
