#!/bin/sh
# Linear regression by stochastic gradient descent in awk; writes a table of its epochs.
#
#   train.sh TRAIN VAL LR SEED OUT
set -eu
mkdir -p "$(dirname "$5")"
awk -F, -v lr="$3" -v seed="$4" '
function uniform() { state = (state * 16807) % 2147483647; return state / 2147483647 }
function predict(row,    j, sum) { for (j = 0; j < 4; j++) sum += w[j] * x[row, j]; return sum }
BEGIN { state = seed % 2147483646 + 1; uniform(); for (j = 0; j < 4; j++) w[j] = uniform() - 0.5 }
FNR > 1 { n++; x[n, 0] = 1; for (j = 1; j < 4; j++) x[n, j] = $j; y[n] = $4; if (NR == FNR) last = n }
END {
    print "epoch,train_rows,val_loss"
    for (epoch = 1; epoch <= 4; epoch++) {
        for (i = 1; i <= last; i++) {
            row = 1 + int(uniform() * last); error = predict(row) - y[row]
            for (j = 0; j < 4; j++) w[j] -= lr * error * x[row, j]
        }
        loss = 0
        for (i = last + 1; i <= n; i++) loss += (predict(i) - y[i]) ^ 2 / (n - last)
        printf "%d,%d,%.6f\n", epoch, last, loss
    }
}' "$1" "$2" > "$5"
