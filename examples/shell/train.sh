#!/bin/sh
# A model in POSIX shell and awk: logistic regression by stochastic gradient descent, does a flight arrive late?
#
#   train.sh LR DECAY L2
#
# It keeps the whole training contract (examples/CONTRACT.md) and needs nothing but awk: seeds, splits, disjoint
# evaluation slices, reports, checkpoints. The rate at epoch e is LR * DECAY^e.
set -eu

exec awk -F, -v lr="$1" -v decay="$2" -v l2="$3" '
BEGIN {
    SLICES = 32; FEATURES = 8
    seed = ENVIRON["RETUNED_SEED"]; split_seed = ENVIRON["RETUNED_SPLIT_SEED"]
    is_search = ENVIRON["RETUNED_PURPOSE"] == "probe" || ENVIRON["RETUNED_PURPOSE"] == "search"
    # A rung may end inside an epoch; here an epoch that began is finished.
    from = ceiling(ENVIRON["RETUNED_FROM_STEP"]); to = ceiling(ENVIRON["RETUNED_TO_STEP"])
    if (!(lr > 0)) { print "train.sh: lr is " lr "; a number above 0" | "cat 1>&2"; failed = 1; exit 2 }
}

function ceiling(number) { return int(number) + (number > int(number)) }

# awk programs disagree about rand(): one generator of our own (Park and Miller) gives every awk the same numbers.
function start(name, number) { state = (number * 7919 + name * 104729 + 1) % 2147483647; uniform(); uniform(); uniform() }
function uniform() { if (state == 0) state = 1; state = (state * 16807) % 2147483647; return state / 2147483647 }

FNR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; start(1, 0); next }
{
    # Which rows train, which are for development and which are held out depends on no seed.
    u = uniform(); n++
    part[n] = u < 0.5 ? "train" : u < 0.65 ? "dev" : "held_out"
    if (part[n] == "held_out") { slice[n] = held % SLICES; held++ }
    late[n] = $column["arr_delay"] > 15
    hour = $column["hour"] / 24 * 6.283185307; times = $column["times"]
    x[n, 1] = times * ($column["dep_delay"] - 12) / 40
    x[n, 2] = times * sin(hour); x[n, 3] = times * cos(hour)
    x[n, 4] = times * ($column["distance"] - 1040) / 730
    x[n, 5] = times * ($column["origin"] == "EWR"); x[n, 6] = times * ($column["origin"] == "LGA")
    x[n, 7] = times * ($column["carrier"] == "B6"); x[n, 8] = times
}

function logit(row,    j, z) { for (j = 1; j <= FEATURES; j++) z += w[j] * x[row, j]; return z > 30 ? 30 : z < -30 ? -30 : z }

function initialise(    j, line, part_of) {
    if (ENVIRON["RETUNED_CHECKPOINT_IN"] != "") {
        getline line < ENVIRON["RETUNED_CHECKPOINT_IN"]; split(line, part_of, " ")
        for (j = 1; j <= FEATURES; j++) w[j] = part_of[j]
        return
    }
    start(2, seed); for (j = 1; j <= FEATURES; j++) w[j] = uniform() - 0.5
}

function train(epoch,    i, j, k, swap, g, rate) {
    start(3 + epoch, seed)  # the order depends on seed and epoch alone, so a checkpoint needs no random state
    for (i = m; i > 1; i--) { k = 1 + int(uniform() * i); swap = chosen[i]; chosen[i] = chosen[k]; chosen[k] = swap }
    rate = lr * exp(epoch * log(decay))
    for (i = 1; i <= m; i++) {
        g = 1 / (1 + exp(-logit(chosen[i]))) - late[chosen[i]]
        for (j = 1; j <= FEATURES; j++) w[j] -= rate * (g * x[chosen[i], j] + l2 * w[j])
    }
}

function report(epoch,    i, p, loss, rows, share) {
    for (i = 1; i <= n; i++) {
        share += late[i] / n
        if (is_search ? part[i] != "dev" : (part[i] != "held_out" || slice[i] != split_seed % SLICES)) continue
        p = 1 / (1 + exp(-logit(i))); loss -= log(late[i] ? p : 1 - p); rows++
    }
    skill = 1 - loss / rows / -(share * log(share) + (1 - share) * log(1 - share))
    # What is not a number is written as JSON readers know it, whatever awk would print.
    shown = (skill > -1e9 && skill <= 1) ? skill : "NaN"
    printf "{\"step\": %g, \"metrics\": {\"skill\": %s}}\n", epoch, shown >> ENVIRON["RETUNED_REPORT"]
    close(ENVIRON["RETUNED_REPORT"])
}

END {
    if (failed) exit 2
    # A training draws 70 % of the training rows, by the split seed.
    start(4, split_seed); for (i = 1; i <= n; i++) if (part[i] == "train" && uniform() < 0.7) pool[++m] = i
    initialise()
    for (epoch = from; epoch < to; epoch++) {
        for (i = 1; i <= m; i++) chosen[i] = pool[i]
        train(epoch); report(epoch + 1)
    }
    if (ENVIRON["RETUNED_CHECKPOINT_OUT"] != "") {
        for (j = 1; j <= FEATURES; j++) line = line sprintf("%.17g ", w[j])
        print line > ENVIRON["RETUNED_CHECKPOINT_OUT"]
    }
}' "$RETUNED_DATA"
